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

/// From now on this thread runs after the others: any that wakes up takes its processor at once, where even the lowest of the ordinary
/// priorities would let it finish its slice of some milliseconds. Beside one that never rests it has 3 parts of 1,024. A thread of a
/// pool could not take it back, which needs rights.
#[cfg(target_os = "linux")]
fn give_way() {
    use thread_priority::unix::{NormalThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy};
    use thread_priority::{ThreadPriority, unix::thread_native_id};

    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    if let Err(error) = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle) {
        tracing::debug!(?error, "the priority of a thread stays as it is");
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
        use thread_priority::unix::{NormalThreadSchedulePolicy, ThreadSchedulePolicy, thread_schedule_policy};

        let here = || thread_schedule_policy().unwrap();
        let before = here();
        let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
        assert_eq!((in_background("work", here).await.unwrap(), here()), (idle, before));
    }

    #[tokio::test]
    async fn work_that_panics_is_an_error() {
        let failed = in_background("work", || panic!("on purpose")).await;
        assert!(matches!(failed, Err::<(), _>(Error::Internal { .. })));
    }
}
