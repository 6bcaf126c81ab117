//! What this machine can do at most, measured, to print beside what the kernels reach.
