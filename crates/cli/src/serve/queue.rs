//! Work for the one thread that has the model: a bounded queue in, events out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use attune_generate::Brief;
use attune_generate::ladder::{Copy, Left, Wanted};
use attune_generate::protocol::{ChatRequest, FinishReason};
use attune_generate::rung::{Failure, Told};
use axum::http::StatusCode;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::time::Instant;

use super::problem::Problem;

/// What is to be done.
pub(super) enum Work {
    /// A conversation's next message.
    Chat(Box<ChatRequest>),
    /// Copy for a brief.
    Copy(Box<Brief>, Wanted),
}

/// What happens to it. The end of the events is the end of the work.
pub(super) enum Event {
    /// A prompt was read and is in order.
    Began {
        /// Its tokens.
        tokens: usize,
    },
    /// More of an answer.
    Piece {
        /// Which.
        index: usize,
        /// Whole characters.
        text: String,
        /// Tokens.
        tokens: usize,
        /// Set in an answer's last part.
        finish: Option<FinishReason>,
    },
    /// The ladder tells.
    Told(Told),
    /// The ladder's answer.
    Copy(Box<Copy>),
    /// No rung could.
    Refused(Vec<Left>),
    /// The work failed.
    Failed(Failure),
}

/// Work with its limit of time, and whom to tell.
pub(super) struct Job {
    pub(super) work: Work,
    pub(super) until: Instant,
    pub(super) events: UnboundedSender<Event>,
}

/// How the thread is doing.
#[derive(Debug, Default)]
struct Pace {
    /// Jobs that wait or are in work.
    open: AtomicUsize,
    /// What a job takes, in milliseconds: a moving average.
    mean: AtomicU64,
}

/// Where work is handed in.
#[derive(Clone)]
pub(super) struct Queue {
    jobs: mpsc::Sender<Job>,
    pace: Arc<Pace>,
    /// The longest that a job may wait and take.
    limit: Duration,
}

/// Where it is taken out.
pub(super) struct Jobs {
    jobs: mpsc::Receiver<Job>,
    pace: Arc<Pace>,
}

/// A queue for so many waiting jobs.
pub(super) fn queue(waiting: usize, limit: Duration) -> (Queue, Jobs) {
    let (to, from) = mpsc::channel(waiting.max(1));
    let pace = Arc::new(Pace::default());
    (Queue { jobs: to, pace: Arc::clone(&pace), limit }, Jobs { jobs: from, pace })
}

impl Queue {
    /// Hands work in.
    ///
    /// # Errors
    /// 429 with a time to ask again when the queue is full; 503 when the thread is gone.
    pub(super) fn submit(&self, work: Work) -> Result<UnboundedReceiver<Event>, Problem> {
        let (events, told) = mpsc::unbounded_channel();
        let job = Job { work, until: Instant::now() + self.limit, events };
        // Counted before it is in, since it may be out again at once.
        let open = self.pace.open.fetch_add(1, Ordering::Relaxed);
        self.jobs.try_send(job).map_err(|error| {
            self.pace.open.fetch_sub(1, Ordering::Relaxed);
            match error {
                mpsc::error::TrySendError::Full(_) => {
                    let wait = self.pace.mean.load(Ordering::Relaxed) * open as u64;
                    let detail = "the queue is full: ask again later";
                    Problem::new(StatusCode::TOO_MANY_REQUESTS, "queue_full", detail)
                        .after(wait.div_ceil(1000).clamp(1, 60))
                }
                mpsc::error::TrySendError::Closed(_) => {
                    Failure::new("model_gone", "the model has stopped: start the server again").into()
                }
            }
        })?;
        Ok(told)
    }

    /// Jobs that wait or are in work; `None` where the thread is gone.
    pub(super) fn open(&self) -> Option<usize> {
        (!self.jobs.is_closed()).then(|| self.pace.open.load(Ordering::Relaxed))
    }
}

impl Jobs {
    /// The next job that somebody still waits for; `None` when no more can come.
    pub(super) async fn next(&mut self) -> Option<Job> {
        loop {
            let job = self.jobs.recv().await?;
            if !job.events.is_closed() {
                return Some(job);
            }
            self.pace.open.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// A job is done; it took so long.
    pub(super) fn done(&self, took: Duration) {
        self.pace.open.fetch_sub(1, Ordering::Relaxed);
        let (mean, took) = (self.pace.mean.load(Ordering::Relaxed), took.as_millis() as u64);
        self.pace.mean.store(if mean == 0 { took } else { (mean * 7 + took) / 8 }, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work() -> Work {
        Work::Copy(Box::default(), Wanted::default())
    }

    #[tokio::test]
    async fn full_queue_says_when_to_ask_again_and_left_work_is_passed_over() {
        let (queue, mut jobs) = queue(2, Duration::from_secs(1));
        let (first, second) = (queue.submit(work()).unwrap(), queue.submit(work()).unwrap());
        jobs.done(Duration::from_millis(4_200));
        assert!(format!("{:?}", queue.submit(work()).unwrap_err()).contains("retry_after: Some(5)"));
        drop(first);
        let job = jobs.next().await.unwrap();
        assert!(!job.events.is_closed() && !second.is_closed());
        drop(jobs);
        assert!(format!("{:?}", queue.submit(work()).unwrap_err()).contains("model_gone"));
        assert_eq!(queue.open(), None);
    }
}
