//! Every file of a model, by asking for one directory after the other.

use super::MlFlowModel;
use super::client::{Client, Listed};
use crate::fetch::{self, FetchError};

/// A model has some dozens; whoever lists more is not to fill this machine's memory.
const MOST_DIRECTORIES: usize = 200;
const MOST_FILES: usize = 10_000;

/// A file below the place of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Remote {
    /// `model/config.json`
    pub(super) path: String,
    pub(super) size: Option<u64>,
}

pub(super) fn list(client: &Client<'_>, model: &MlFlowModel, place: &str) -> Result<Vec<Remote>, FetchError> {
    let mut files = Vec::new();
    let mut directories = vec![String::new()];
    let mut next = 0;
    while let Some(directory) = directories.get(next).cloned() {
        next += 1;
        for Listed { name, is_directory, size } in client.list(place, &directory)? {
            if fetch::relative(&name).is_none() || name.contains('/') {
                return Err(FetchError::Outside { host: client.host().to_owned(), name });
            }
            let path = if directory.is_empty() { name } else { format!("{directory}/{name}") };
            if is_directory {
                directories.push(path);
            } else {
                files.push(Remote { path, size });
            }
        }
        if directories.len() > MOST_DIRECTORIES || files.len() > MOST_FILES {
            return Err(FetchError::NotAModel(format!("mlflow:{model} has more files than any model has")));
        }
    }
    Ok(files)
}
