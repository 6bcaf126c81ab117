//! Work that can wait: on threads of its own, which run where a processor is left over.

use std::thread;

use backend::{Error, Result};
use tokio::sync::oneshot;

/// Does the work beside everything else. It goes on though nobody waits for it any more.
pub(crate) async fn in_background<T: Send + 'static>(name: &str, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let (done, waits) = oneshot::channel();
    let work = move || {
        give_way();
        let _ = done.send(work());
    };
    thread::Builder::new().name(name.to_owned()).spawn(work).map_err(Error::internal)?;
    waits.await.map_err(|_| Error::internal(format!("{name} panicked")))
}

/// From now on this thread runs after the others. A thread of a pool could not take it back, which needs rights.
#[cfg(target_os = "linux")]
fn give_way() {
    /// The least that there is: a seventieth of what another thread on the same processor gets.
    const LEAST: i32 = 19;
    if let Err(error) = rustix::process::setpriority_process(None, LEAST) {
        tracing::debug!(%error, "the priority of a thread stays as it is");
    }
}

/// Elsewhere, priorities are those of processes.
#[cfg(not(target_os = "linux"))]
fn give_way() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn it_gives_way_to_everything_else() {
        let here = || rustix::process::getpriority_process(None).unwrap();
        assert_eq!((in_background("work", here).await.unwrap(), here()), (19, here()));
    }

    #[tokio::test]
    async fn work_that_panics_is_an_error() {
        let failed = in_background("work", || panic!("on purpose")).await;
        assert!(matches!(failed, Err::<(), _>(Error::Internal { .. })));
    }
}
