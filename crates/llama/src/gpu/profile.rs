//! Where a token's time goes.

use std::collections::BTreeMap;

use super::model::{Model, Way};
use crate::{Error, Result};

/// What one kind of kernel takes of a token's time.
#[derive(Debug, Clone)]
pub struct KernelTime {
    /// What it computes.
    pub label: &'static str,
    /// Dispatches a token.
    pub dispatches: usize,
    /// Microseconds a token.
    pub microseconds: f64,
    /// Bytes of weights that it reads for a token.
    pub bytes: u64,
}

/// The device's time for one token of one lane, by its own clock.
#[derive(Debug, Clone)]
pub struct Profile {
    /// By kind of kernel, each dispatch timed on its own.
    pub kernels: Vec<KernelTime>,
    /// Microseconds from the first dispatch's beginning to the last one's end, nothing timed between them.
    pub microseconds: f64,
}

impl Model {
    /// Runs lane 0's last token `times` times over and takes the median of every dispatch.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where the device has no clock for single dispatches, [`Error::Input`] where nothing was appended yet.
    pub async fn profile(&mut self, times: usize) -> Result<Profile> {
        if !self.device.has_timestamps() {
            return Err(Error::Unsupported("the device cannot time dispatches".into()));
        }
        if self.sequence.shared.is_empty() {
            return Err(Error::Input("nothing was appended yet".into()));
        }
        if self.sequence.branches.is_empty() {
            self.sequence.branches.push(Vec::new());
        }
        let way = Way { together: 1, beginning: false };
        self.prepare(way);
        self.write_entries(&self.last_entries(1));
        let last = self.longest(1) - 1;
        let count = self.steps[&way].len();
        let mut each: Vec<Vec<f64>> = vec![Vec::new(); count];
        let mut whole = Vec::new();
        for _ in 0..times.max(1) {
            let ticks = self.timed(way, last, true).await?;
            for (times, pair) in each.iter_mut().zip(ticks.windows(2)) {
                times.push(pair[1] - pair[0]);
            }
            let ticks = self.timed(way, last, false).await?;
            whole.push(ticks[1] - ticks[0]);
        }
        let mut kinds: BTreeMap<&'static str, KernelTime> = BTreeMap::new();
        for (step, times) in self.steps[&way].iter().zip(&mut each) {
            let kind = kinds.entry(step.label).or_insert(KernelTime {
                label: step.label,
                dispatches: 0,
                microseconds: 0.0,
                bytes: 0,
            });
            kind.dispatches += 1;
            kind.microseconds += median(times);
            kind.bytes += step.bytes;
        }
        Ok(Profile { kernels: kinds.into_values().collect(), microseconds: median(&mut whole) })
    }

    /// Microseconds on the device's clock: between all dispatches, or only before the first and after the last.
    async fn timed(&self, way: Way, last: usize, between: bool) -> Result<Vec<f64>> {
        let steps = &self.steps[&way];
        let count = if between { steps.len() + 1 } else { 2 };
        let device = &self.device;
        let queries = device.wgpu.create_query_set(&wgpu::QuerySetDescriptor {
            label: None,
            ty: wgpu::QueryType::Timestamp,
            count: count as u32,
        });
        let bytes = 8 * count as u64;
        use wgpu::BufferUsages as Usage;
        let resolved = device.buffer("ticks", bytes, Usage::QUERY_RESOLVE | Usage::COPY_SRC);
        let read = device.buffer("ticks to read", bytes, Usage::MAP_READ | Usage::COPY_DST);
        let mut encoder = device.wgpu.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            pass.write_timestamp(&queries, 0);
            for (index, step) in (1..).zip(steps) {
                step.encode(&mut pass, 1, last);
                if between {
                    pass.write_timestamp(&queries, index);
                }
            }
            if !between {
                pass.write_timestamp(&queries, 1);
            }
        }
        encoder.resolve_query_set(&queries, 0..count as u32, &resolved, 0);
        encoder.copy_buffer_to_buffer(&resolved, 0, &read, 0, bytes);
        device.queue.submit([encoder.finish()]);
        let words = device.read(&read, 2 * count).await?;
        resolved.destroy();
        read.destroy();
        let period = f64::from(device.queue.get_timestamp_period()) / 1e3;
        Ok(words
            .chunks_exact(2)
            .map(|tick| (u64::from(tick[0]) | u64::from(tick[1]) << 32) as f64 * period)
            .collect())
    }
}

fn median(numbers: &mut [f64]) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}
