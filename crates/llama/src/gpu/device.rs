//! The device: asked for once, and asked after every wait whether it is still well.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

use super::source::{Access, Source};
use crate::{Error, Result};

/// What is asked of an adapter.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct DeviceOptions {
    /// Leaves the adapter's subgroups unused.
    pub without_subgroups: bool,
    /// Asks for WebGPU's default limits instead of the adapter's own.
    pub default_limits: bool,
    /// Cuts the work as for many cores even where the adapter is a processor.
    pub as_many_cores: bool,
}

/// A GPU, or what stands in for one.
#[derive(Debug, Clone)]
pub struct Device {
    pub(crate) wgpu: wgpu::Device,
    pub(crate) queue: wgpu::Queue,
    info: wgpu::AdapterInfo,
    limits: wgpu::Limits,
    features: wgpu::Features,
    failure: Arc<Mutex<Option<String>>>,
    as_many_cores: bool,
}

impl Device {
    /// Asks for the strongest adapter and for all of its limits.
    ///
    /// # Errors
    /// [`Error::Device`] where there is none, or it gives no device.
    pub async fn request(options: &DeviceOptions) -> Result<Self> {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
        let wanted = wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            ..Default::default()
        };
        let adapter =
            instance.request_adapter(&wanted).await.map_err(|error| Error::Device(error.to_string()))?;
        let info = adapter.get_info();
        let mut useful = wgpu::Features::TIMESTAMP_QUERY | wgpu::Features::TIMESTAMP_QUERY_INSIDE_PASSES;
        useful |= wgpu::Features::SHADER_F16;
        if !options.without_subgroups {
            useful |= wgpu::Features::SUBGROUP;
        }
        let features = adapter.features() & useful;
        let limits = if options.default_limits { wgpu::Limits::default() } else { adapter.limits() };
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("attune"),
            required_features: features,
            required_limits: limits.clone(),
            ..Default::default()
        };
        let (wgpu, queue) =
            adapter.request_device(&descriptor).await.map_err(|error| Error::Device(error.to_string()))?;
        let failure = Arc::new(Mutex::new(None));
        let kept = Arc::clone(&failure);
        wgpu.on_uncaptured_error(Arc::new(move |error: wgpu::Error| fail(&kept, error.to_string())));
        let kept = Arc::clone(&failure);
        wgpu.set_device_lost_callback(move |reason, message| {
            if reason != wgpu::DeviceLostReason::Destroyed {
                fail(&kept, format!("lost: {message}"));
            }
        });
        Ok(Self { wgpu, queue, info, limits, features, failure, as_many_cores: options.as_many_cores })
    }

    /// The adapter's name, driver and interface.
    pub fn name(&self) -> String {
        format!("{} ({}, {:?})", self.info.name, self.info.driver, self.info.backend)
    }

    /// Whether the adapter is a processor that plays a GPU.
    pub fn is_cpu(&self) -> bool {
        self.info.device_type == wgpu::DeviceType::Cpu && !self.as_many_cores
    }

    /// The smallest subgroup, where there are any.
    pub(crate) fn subgroup(&self) -> Option<usize> {
        self.features
            .contains(wgpu::Features::SUBGROUP)
            .then_some(self.info.subgroup_min_size.max(4) as usize)
    }

    /// Whether all subgroups are of so many invocations.
    pub(crate) fn has_subgroups_of(&self, size: usize) -> bool {
        let sizes = [self.info.subgroup_min_size, self.info.subgroup_max_size];
        self.subgroup().is_some() && sizes.iter().all(|&known| known as usize == size)
    }

    /// Whether kernels can compute with numbers of 16 bits.
    pub fn has_half(&self) -> bool {
        self.features.contains(wgpu::Features::SHADER_F16)
    }

    /// Whether single dispatches can be timed.
    pub fn has_timestamps(&self) -> bool {
        self.features
            .contains(wgpu::Features::TIMESTAMP_QUERY | wgpu::Features::TIMESTAMP_QUERY_INSIDE_PASSES)
    }

    pub(crate) fn limits(&self) -> &wgpu::Limits {
        &self.limits
    }

    /// What has gone wrong since the device was asked for.
    ///
    /// # Errors
    /// [`Error::Device`]
    pub fn check(&self) -> Result<()> {
        match &*self.failure.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(message) => Err(Error::Device(message.clone())),
            None => Ok(()),
        }
    }

    /// Gives up the device and all of its memory; what is asked of its models from then on is an error.
    pub fn destroy(&self) {
        fail(&self.failure, "it was given up".into());
        self.wgpu.destroy();
    }

    pub(crate) fn buffer(&self, label: &str, bytes: u64, usage: wgpu::BufferUsages) -> wgpu::Buffer {
        self.wgpu.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size: bytes.max(16).next_multiple_of(16),
            usage,
            mapped_at_creation: false,
        })
    }

    pub(crate) fn layout(&self, bindings: &[Access]) -> wgpu::BindGroupLayout {
        let entries: Vec<_> = (0..)
            .zip(bindings)
            .map(|(binding, access)| wgpu::BindGroupLayoutEntry {
                binding,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: wgpu::BindingType::Buffer {
                    ty: match access {
                        Access::Read => wgpu::BufferBindingType::Storage { read_only: true },
                        Access::Write => wgpu::BufferBindingType::Storage { read_only: false },
                        Access::Uniform => wgpu::BufferBindingType::Uniform,
                    },
                    has_dynamic_offset: false,
                    min_binding_size: None,
                },
                count: None,
            })
            .collect();
        self.wgpu
            .create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries })
    }

    pub(crate) fn bind(
        &self,
        layout: &wgpu::BindGroupLayout,
        buffers: &[wgpu::BufferBinding<'_>],
    ) -> wgpu::BindGroup {
        let entries: Vec<_> = (0..)
            .zip(buffers)
            .map(|(binding, buffer)| wgpu::BindGroupEntry {
                binding,
                resource: wgpu::BindingResource::Buffer(buffer.clone()),
            })
            .collect();
        self.wgpu.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout, entries: &entries })
    }

    pub(crate) fn pipeline(
        &self,
        label: &str,
        source: &Source,
        layout: &wgpu::BindGroupLayout,
    ) -> wgpu::ComputePipeline {
        let module = self.trusted(wgpu::ShaderModuleDescriptor {
            label: Some(label),
            source: wgpu::ShaderSource::Wgsl(source.text().into()),
        });
        let layout = self.wgpu.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(label),
            bind_group_layouts: &[Some(layout)],
            immediate_size: 0,
        });
        self.wgpu.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(label),
            layout: Some(&layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                zero_initialize_workgroup_memory: false,
                ..Default::default()
            },
            cache: None,
        })
    }

    /// Natively without checks of bounds and loops: they cost a tenth of the time.
    #[allow(
        unsafe_code,
        reason = "the crate's own kernels: their loops end, and they index what the model was checked to have"
    )]
    fn trusted(&self, descriptor: wgpu::ShaderModuleDescriptor<'_>) -> wgpu::ShaderModule {
        // SAFETY: every index is made of constants of the model's shape, the workgroup's number, and tokens and positions that
        // were checked on their way in or are drawn below the vocabulary's size.
        unsafe { self.wgpu.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked()) }
    }

    /// Waits, natively, until all submitted work is done.
    pub(crate) fn wait(&self) -> Result<()> {
        self.wgpu
            .poll(wgpu::PollType::wait_indefinitely())
            .map_err(|error| Error::Device(error.to_string()))?;
        self.check()
    }

    /// The first `words` words of a buffer that can be mapped, once the work before is done.
    pub(crate) async fn read(&self, buffer: &wgpu::Buffer, words: usize) -> Result<Vec<u32>> {
        self.check()?;
        let reading = Reading::new(buffer, words);
        self.wait()?;
        let words = reading.words().await?;
        drop(reading);
        self.check()?;
        Ok(words)
    }
}

/// A buffer that is mapped, or will be; when this goes it can be written to and read again, whether or not it was waited for.
struct Reading<'b> {
    buffer: &'b wgpu::Buffer,
    bytes: u64,
    mapping: Arc<Mutex<Mapping>>,
}

#[derive(Default)]
struct Mapping {
    outcome: Option<Result<(), String>>,
    waker: Option<Waker>,
}

impl<'b> Reading<'b> {
    fn new(buffer: &'b wgpu::Buffer, words: usize) -> Self {
        let bytes = 4 * words as u64;
        let mapping = Arc::new(Mutex::new(Mapping::default()));
        let kept = Arc::clone(&mapping);
        buffer.slice(..bytes).map_async(wgpu::MapMode::Read, move |outcome| {
            let mut mapping = kept.lock().unwrap_or_else(PoisonError::into_inner);
            mapping.outcome = Some(outcome.map_err(|error| error.to_string()));
            if let Some(waker) = mapping.waker.take() {
                waker.wake();
            }
        });
        Self { buffer, bytes, mapping }
    }

    async fn words(&self) -> Result<Vec<u32>> {
        let mapped = std::future::poll_fn(|context| {
            let mut mapping = self.mapping.lock().unwrap_or_else(PoisonError::into_inner);
            match mapping.outcome.clone() {
                Some(outcome) => Poll::Ready(outcome),
                None => {
                    mapping.waker = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        });
        mapped.await.map_err(Error::Device)?;
        let slice = self.buffer.slice(..self.bytes);
        let view = slice.get_mapped_range().map_err(|error| Error::Device(error.to_string()))?;
        let word = |word: &[u8]| u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
        Ok(view.chunks_exact(4).map(word).collect())
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        let refused = {
            let mapping = self.mapping.lock().unwrap_or_else(PoisonError::into_inner);
            matches!(mapping.outcome, Some(Err(_)))
        };
        // What was refused was never mapped. The callback of what is pending runs in here.
        if !refused {
            self.buffer.unmap();
        }
    }
}

fn fail(failure: &Mutex<Option<String>>, message: String) {
    failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(message);
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn a_reading_that_nobody_waits_for_leaves_the_buffer_to_the_next() {
        let device = match pollster::block_on(Device::request(&DeviceOptions::default())) {
            Ok(device) => device,
            Err(error) => {
                assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{error}");
                println!("skipped: llama: no adapter");
                return;
            }
        };
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let buffer = device.buffer("read", 16, usage);
        for round in 0..3_u32 {
            device.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(&[round, 2, 3, 4]));
            let reading = Reading::new(&buffer, 4);
            if round == 1 {
                device.wait().unwrap();
            }
            drop(reading);
            assert_eq!(pollster::block_on(device.read(&buffer, 4)).unwrap(), [round, 2, 3, 4]);
        }
    }
}
