//! The Hub's protocol: what a revision is and holds, and what a file is called by its contents.

use serde_json::Value;

use super::HubModel;
use crate::fetch::{self, FetchError, Network, Reply, Token, escaped};

#[derive(Debug)]
pub(super) struct Client<'a> {
    network: &'a Network,
    /// Without a slash at its end.
    endpoint: &'a str,
    authorization: Option<String>,
    model: &'a HubModel,
}

/// What a revision is.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) commit: String,
    pub(super) files: Vec<String>,
}

impl<'a> Client<'a> {
    pub(super) fn new(network: &'a Network, endpoint: &'a str, token: Option<&Token>, model: &'a HubModel) -> Self {
        let authorization = token.map(|token| format!("Bearer {}", token.expose()));
        Self { network, endpoint: endpoint.trim_end_matches('/'), authorization, model }
    }

    pub(super) fn network(&self) -> &'a Network {
        self.network
    }

    pub(super) fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }

    pub(super) fn host(&self) -> &'a str {
        self.endpoint.split_once("://").map_or(self.endpoint, |(_, host)| host)
    }

    pub(super) fn address(&self, file: &str, commit: &str) -> String {
        format!("{}/{}/resolve/{}/{}", self.endpoint, self.model.repository, escaped(commit), escaped(file))
    }

    pub(super) fn list(&self) -> Result<Listing, FetchError> {
        // A revision may hold slashes, and must not look like more of the path.
        let revision = escaped(self.model.revision()).replace('/', "%2F");
        let url = format!("{}/api/models/{}/revision/{revision}", self.endpoint, self.model.repository);
        let (reply, text) = self.network.ask(&url, self.authorization())?;
        if reply.status() != 200 {
            return Err(self.refused(&reply, &text));
        }
        let listing: Value = serde_json::from_str(&text).map_err(|error| reply.senseless(error.to_string()))?;
        let commit = listing["sha"].as_str().filter(|commit| fetch::is_plain_name(commit));
        let commit = commit.ok_or_else(|| reply.senseless("it names no commit"))?.to_owned();
        let files = listing["siblings"].as_array().ok_or_else(|| reply.senseless("it lists no files"))?;
        let files = files.iter().filter_map(|file| Some(file["rfilename"].as_str()?.to_owned())).collect();
        Ok(Listing { commit, files })
    }

    /// The checksum by which a file is named, and its bytes.
    pub(super) fn describe(&self, file: &str, commit: &str) -> Result<(String, u64), FetchError> {
        let reply = self.network.head(&self.address(file, commit), self.authorization())?;
        // A file in LFS is elsewhere: the redirect tells of it.
        if reply.status() >= 400 {
            return Err(self.refused(&reply, ""));
        }
        let etag = reply.header("x-linked-etag").or_else(|| reply.header("etag")).unwrap_or_default();
        let etag = etag.trim_start_matches("W/").trim_matches('"').to_owned();
        if !fetch::is_plain_name(&etag) {
            return Err(reply.senseless(format!("it does not say by an ETag what {file} is")));
        }
        let size =
            reply.header("x-linked-size").or_else(|| reply.header("content-length")).and_then(|size| size.parse().ok());
        Ok((etag, size.ok_or_else(|| reply.senseless(format!("it does not say how long {file} is")))?))
    }

    /// What an answer without the thing asked for means, and what can be done.
    fn refused(&self, reply: &Reply, text: &str) -> FetchError {
        let HubModel { repository, .. } = self.model;
        let (status, revision) = (reply.status(), self.model.revision());
        let message = reply.header("x-error-message").unwrap_or_default().to_owned();
        let forbidden =
            |remedy: String| FetchError::Forbidden { host: reply.host.clone(), remedy, message: message.clone() };
        let page = format!("{}/{repository}", self.endpoint);
        let token = match self.authorization {
            Some(_) => "the token in HF_TOKEN has to be one that may read it",
            None => "HF_TOKEN has to hold a token that may read it",
        };
        match (status, reply.header("x-error-code").unwrap_or_default()) {
            (_, "GatedRepo") => forbidden(format!("{repository} is gated: ask for access at {page}, and {token}")),
            (_, "RevisionNotFound") => {
                FetchError::NotThere(format!("{repository} has no revision {revision:?}: {page} has them all"))
            }
            (_, "EntryNotFound") => {
                FetchError::NotThere(format!("{repository} has no such file at {revision}: {page} has them all"))
            }
            // The Hub does not tell strangers which repositories there are.
            (401 | 404, _) => FetchError::NotThere(format!(
                "there is no {repository} at {}, or it is private: check the name, and if it is private {token}",
                self.host()
            )),
            (403, _) => forbidden(format!("{repository} may not be read: {token}")),
            _ => {
                let message = if message.is_empty() { text.to_owned() } else { message };
                FetchError::Answered { host: reply.host.clone(), status, message }
            }
        }
    }
}
