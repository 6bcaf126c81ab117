mod classes;
mod config;
mod generation;
mod rope;
mod safetensors;
mod shards;
