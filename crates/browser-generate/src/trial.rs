//! What a GPU must show before its model serves: right values, and speed enough.

use attune_generate::local::trial::fast;
use attune_generate::rung::Failure;

use crate::host::Clock;

/// Holds a GPU against the processor, and takes its time.
///
/// # Errors
/// `device_failed` where it computes wrongly, `rung_slow` below `least` tokens a second.
pub(crate) async fn gpu(
    model: &mut attune_llama::gpu::Model,
    least: f64,
    clock: &Clock,
) -> Result<(), Failure> {
    let check = attune_llama::gpu::check(model, || clock.real()).await?;
    if !check.right {
        let message = format!("this GPU computes wrongly: a logit is off by {} of the greatest", check.apart);
        return Err(Failure::new("device_failed", message));
    }
    fast(1000.0 / check.step_ms.max(0.01), least)
}
