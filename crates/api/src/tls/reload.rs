//! Looks at the files again and again, and takes what is new in them once it stays and fits.

use std::convert::Infallible;
use std::time::{Duration, SystemTime};

use tokio::time::sleep;

use super::files::Contents;
use super::{Tls, pair, warn_if_untimely};

/// What was seen of the files.
struct Watch {
    last: Contents,
    /// What was used or refused last.
    judged: Contents,
}

impl Watch {
    fn new(used: Contents) -> Self {
        Self { last: used.clone(), judged: used }
    }

    /// Whether what is seen now is to be judged: it is new, and two looks in a row saw it. A pair in the middle of being
    /// written, the certificate new and the key still old, differs from look to look.
    fn look(&mut self, seen: Contents) -> bool {
        let stays = seen == self.last;
        self.last = seen;
        let is_new = self.last != self.judged;
        if stays && is_new {
            self.judged = self.last.clone();
        }
        stays && is_new
    }
}

impl Tls {
    /// Looks every so often, and never ends.
    pub(crate) async fn keep_current(&self, every: Duration, clock: fn() -> SystemTime) -> Infallible {
        // What was there when the server started may have changed since.
        let mut watch = Watch::new(self.opened.clone());
        loop {
            sleep(every).await;
            let files = self.files.clone();
            // A read that panics has read nothing.
            let Ok(seen) = tokio::task::spawn_blocking(move || files.read()).await else { continue };
            if watch.look(seen) {
                self.judge(&watch.judged, clock());
            }
        }
    }

    fn judge(&self, contents: &Contents, now: SystemTime) {
        match pair::parse(&self.files, contents) {
            Ok(pair) => {
                warn_if_untimely(&self.files, &pair, now);
                self.current.replace(pair);
                tracing::info!("the TLS certificate {} was read again", self.files.certificate.display());
            }
            Err(error) => tracing::error!("{error}; the certificate read before stays in use"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(certificate: &str, key: &str) -> Contents {
        Contents { certificate: Ok(certificate.into()), key: Ok(key.into()) }
    }

    #[test]
    fn what_is_new_is_judged_once_it_stays() {
        let mut watch = Watch::new(contents("old", "old"));
        let looks = [("old", "old"), ("new", "old"), ("new", "new"), ("new", "new"), ("new", "new")];
        assert_eq!(
            looks.map(|(certificate, key)| watch.look(contents(certificate, key))),
            [false, false, false, true, false]
        );
    }

    #[test]
    fn what_was_refused_is_not_judged_again_but_the_old_one_is() {
        let mut watch = Watch::new(contents("old", "old"));
        let looks = ["bad", "bad", "bad", "old", "old"];
        assert_eq!(looks.map(|text| watch.look(contents(text, text))), [false, true, false, false, true]);
    }
}
