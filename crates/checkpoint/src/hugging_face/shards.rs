//! Which safetensors files a directory's weights are in.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use super::fields::{Fields, shown};
use super::safetensors;
use crate::storage::Storage;
use crate::tensors::Tensors;
use crate::{Error, Result};

pub(crate) const SINGLE: &str = "model.safetensors";
pub(crate) const INDEX: &str = "model.safetensors.index.json";

/// Whether a directory has weights that can be read here.
pub(crate) fn present(directory: &Path) -> bool {
    directory.join(SINGLE).is_file() || directory.join(INDEX).is_file()
}

pub(crate) fn read(directory: &Path) -> Result<Tensors> {
    let mut tensors = Tensors::new(directory);
    let index = directory.join(INDEX);
    if directory.join(SINGLE).is_file() {
        read_file(&directory.join(SINGLE), &mut tensors)?;
    } else if index.is_file() {
        read_shards(directory, &index, &mut tensors)?;
    } else {
        let looked_for = "model.safetensors or model.safetensors.index.json beside config.json";
        return Err(Error::Missing { path: directory.into(), looked_for });
    }
    Ok(tensors)
}

/// The files that hold them: one, or the shards that the index names.
pub(crate) fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    if directory.join(SINGLE).is_file() {
        return Ok(vec![directory.join(SINGLE)]);
    }
    let index = Fields::read(&directory.join(INDEX))?;
    let map = index.object(&["weight_map"])?.ok_or_else(|| index.missing(&["weight_map"], "an object"))?;
    let names = map.entries().filter_map(|(_, shard)| shard.as_str()).filter(|name| is_file_name(name));
    Ok(names.collect::<BTreeSet<_>>().into_iter().map(|name| directory.join(name)).collect())
}

fn read_file(file: &Path, tensors: &mut Tensors) -> Result<()> {
    safetensors::read(file, &Storage::map(file)?, tensors)
}

/// All shards that the index names; each tensor must be in the one that it says.
fn read_shards(directory: &Path, index: &Path, tensors: &mut Tensors) -> Result<()> {
    let fields = Fields::read(index)?;
    let map = fields.object(&["weight_map"])?.ok_or_else(|| fields.missing(&["weight_map"], "an object"))?;
    let mut places = Vec::new();
    for (tensor, shard) in map.entries() {
        let name = shard.as_str().filter(|name| is_file_name(name));
        let name = name.ok_or_else(|| map.wrong(tensor, "the name of a file in the same directory", shown(shard)))?;
        places.push((tensor, name));
    }
    let shards: BTreeSet<&str> = places.iter().map(|(_, shard)| *shard).collect();
    for shard in shards {
        read_file(&directory.join(shard), tensors)?;
    }
    for (tensor, shard) in places {
        let stored = tensors.stored(&safetensors::unwrapped(tensor))?;
        if stored.file.file_name() != Some(shard.as_ref()) {
            let found = stored.file.display().to_string();
            return Err(Error::tensor(index, tensor, format!("this tensor in {shard}"), found));
        }
    }
    Ok(())
}

/// An index must not lead out of its directory.
fn is_file_name(name: &str) -> bool {
    let mut components = Path::new(name).components();
    matches!(components.next(), Some(Component::Normal(_))) && components.next().is_none()
}
