"""llama.cpp's own HTTP server, in a process of its own: `python llama_server.py MODEL PORT KEY`."""

import signal
import sys

import xllamacpp

params = xllamacpp.CommonParams()
params.model.path, params.port, params.api_keys = sys.argv[1], int(sys.argv[2]), [sys.argv[3]]
params.hostnames = ["127.0.0.1"]
# Threads that wait for each other would take the processors from the other servers of a test.
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
# The same question takes the same steps each time, so that it has the same answer to the bit.
params.cache_prompt = False
params.n_parallel, params.n_ctx = 4, 4 * 2048
# What outgrows its context forgets its beginning and goes on: streams that last until they are left.
params.ctx_shift = True
params.endpoint_slots = True
# It ends with the name that holds it.
server = xllamacpp.Server(params)
signal.pause()
