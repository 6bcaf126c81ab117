//! Prints what this machine can do at most, and what products of matrices of usual shapes reach of it:
//! `cargo run --release -p kernels --example limits`.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::{num::NonZeroUsize, thread};

use kernels::{
    Format, Isa, PackError, Pool,
    limits::{Limits, speeds},
};

/// More than the caches of a core and its share of the last level.
const BYTES: usize = 1 << 30;

fn main() -> Result<(), PackError> {
    // As many as there are cores, or the number given.
    let given = std::env::args().find_map(|argument| argument.parse().ok());
    let threads = given.or_else(|| thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
    let isas: Vec<_> = Isa::ALL.into_iter().filter(|isa| isa.is_available()).collect();
    let all = std::env::args().any(|argument| argument == "--all");
    for &isa in if all { &isas[..] } else { &isas[..1] } {
        print(&Pool::with_isa(threads, isa))?;
    }
    Ok(())
}

fn print(pool: &Pool) -> Result<(), PackError> {
    println!("{}, {} threads", pool.isa(), pool.threads());
    for (rows, columns) in [(5632, 2048), (2048, 5632), (32000, 2048)] {
        for format in [Format::Q8_0, Format::Q4_0, Format::Q4K, Format::Q5K, Format::Q6K, Format::Bf16, Format::F16] {
            let limits = Limits::measure(pool, BYTES);
            println!(
                "limits: {:.1} GB/s, {:.2} integer TOPS, {:.2} float TFLOPS, {:.2} bf16 TFLOPS",
                limits.bytes / 1e9,
                limits.integer_operations / 1e12,
                limits.float_operations / 1e12,
                limits.bf16_operations / 1e12
            );
            for speed in speeds(pool, format, (rows, columns), &[1, 6, 64, 256], BYTES)? {
                println!(
                    "{rows:>6} × {columns:<5} {format:<5} {:>4} tokens {:>9.1} µs {:>6.1} GB/s ({:>3.0} %) {:>6.2} TOPS ({:>3.0} %)",
                    speed.tokens,
                    speed.time.as_secs_f64() * 1e6,
                    speed.bytes / 1e9,
                    100.0 * speed.bytes / limits.bytes,
                    speed.operations / 1e12,
                    100.0 * speed.operations / limits.operations(format),
                );
            }
        }
    }
    Ok(())
}
