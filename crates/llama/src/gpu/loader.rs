//! Repacks a file's blocks into the device's layout as they come.

use super::device::Device;
use super::layout::{Layout, TILE, pack_tile};
use super::memory::{Plan, Target, VectorMap, is_reordered, is_vector, reordered};
use super::model::{Model, Weights};
use super::{ModelOptions, Precision};
use crate::checkpoint::{Format, Sink, TensorInfo, dequantise};
use crate::{Config, Error, Result};

/// Bytes of repacked weights that wait to be written.
const STAGED: usize = 4 << 20;

/// Bytes that the device's queue may hold before it is waited for.
const QUEUED: usize = 32 << 20;

/// Streams a model's weights into a device's memory.
#[derive(Debug)]
pub struct Loader {
    device: Device,
    options: ModelOptions,
    loading: Option<Loading>,
}

#[derive(Debug)]
struct Loading {
    config: Config,
    tensors: Vec<TensorInfo>,
    targets: Vec<Target>,
    buffers: Vec<wgpu::Buffer>,
    vectors: Vec<f32>,
    /// Tokens that the cache will hold.
    slots: usize,
    current: Option<Current>,
    queued: usize,
}

/// The matrix that is coming in.
#[derive(Debug)]
struct Current {
    tensor: usize,
    /// Rows that are reordered and packed together.
    band: usize,
    rows: Vec<u8>,
    shard: usize,
    /// Tiles of the shard already written.
    tiles: usize,
    planes: Vec<Vec<u32>>,
}

impl Loader {
    /// A loader for one model.
    pub fn new(device: &Device, options: ModelOptions) -> Self {
        Self { device: device.clone(), options, loading: None }
    }
}

impl Sink for Loader {
    type Model = Model;

    fn begin(&mut self, config: &Config, tensors: &[TensorInfo]) -> Result<()> {
        self.options.check(config)?;
        if self.options.precision == Precision::Half && !self.device.has_half() {
            return Err(Error::Unsupported("the device has no numbers of 16 bits".into()));
        }
        let plan = Plan::new(&self.device, tensors)?;
        let binding = self.device.limits().max_storage_buffer_binding_size;
        let slots = self.options.slots(config, plan.bytes(), binding)?;
        let (targets, buffers) = plan.targets(&self.device, config, tensors);
        self.device.check()?;
        self.loading = Some(Loading {
            config: config.clone(),
            tensors: tensors.to_vec(),
            targets,
            buffers,
            vectors: vec![0.0; VectorMap::new(config).len()],
            slots,
            current: None,
            queued: 0,
        });
        Ok(())
    }

    fn blocks(&mut self, tensor: usize, first: usize, blocks: &[u8]) -> Result<()> {
        let loading =
            self.loading.as_mut().ok_or_else(|| Error::Input("blocks before the beginning".into()))?;
        match &loading.targets[tensor] {
            &Target::Vector(start) => {
                loading.vector(tensor, start, first, blocks);
                Ok(())
            }
            Target::Matrix(_) => loading.matrix(&self.device, tensor, blocks),
        }
    }

    fn end(mut self) -> Result<Model> {
        let mut loading =
            self.loading.take().ok_or_else(|| Error::Input("an end before the beginning".into()))?;
        loading.finish(&self.device)?;
        let mut formats = Vec::new();
        for tensor in loading.tensors.iter().filter(|tensor| !is_vector(tensor.role)) {
            if !formats.contains(&tensor.format) {
                formats.push(tensor.format);
            }
        }
        let weights = Weights {
            config: loading.config,
            roles: loading.tensors.iter().map(|tensor| tensor.role).zip(loading.targets).collect(),
            buffers: loading.buffers,
            vectors: loading.vectors,
            slots: loading.slots,
            formats,
        };
        Model::new(self.device, weights, &self.options)
    }
}

impl Loading {
    fn vector(&mut self, tensor: usize, start: usize, first: usize, blocks: &[u8]) {
        let info = &self.tensors[tensor];
        let head = self.config.head_dim;
        let turned = is_reordered(&self.config, info.role);
        let first = first * info.format.block_len();
        for (index, number) in (first..).zip(numbers(info.format, blocks)) {
            let at = if turned { index / head * head + reordered(index % head, head) } else { index };
            self.vectors[start + at] = number;
        }
    }

    fn matrix(&mut self, device: &Device, tensor: usize, mut blocks: &[u8]) -> Result<()> {
        if self.current.as_ref().is_none_or(|current| current.tensor != tensor) {
            self.finish(device)?;
            let turned = is_reordered(&self.config, self.tensors[tensor].role);
            let band = if turned { self.config.head_dim } else { TILE };
            self.current =
                Some(Current { tensor, band, rows: Vec::new(), shard: 0, tiles: 0, planes: Vec::new() });
        }
        let info = &self.tensors[tensor];
        let Some(current) = self.current.as_mut() else { return Ok(()) };
        let row_bytes = info.row_bytes();
        let band_bytes = current.band * row_bytes;
        while !blocks.is_empty() {
            let (now, later) = blocks.split_at(blocks.len().min(band_bytes - current.rows.len()));
            current.rows.extend_from_slice(now);
            blocks = later;
            if current.rows.len() == band_bytes {
                current.pack(&self.targets, row_bytes);
                self.queued += current.flush(device, &self.targets, false);
            }
        }
        if self.queued > QUEUED {
            self.queued = 0;
            device.queue.submit([]);
            device.wait()?;
        }
        Ok(())
    }

    fn finish(&mut self, device: &Device) -> Result<()> {
        if let Some(mut current) = self.current.take() {
            if !current.rows.is_empty() {
                current.pack(&self.targets, self.tensors[current.tensor].row_bytes());
            }
            self.queued += current.flush(device, &self.targets, true);
        }
        device.check()
    }
}

impl Current {
    fn layout<'a>(&self, targets: &'a [Target]) -> Option<&'a Layout> {
        match &targets[self.tensor] {
            Target::Matrix(shards) => shards.get(self.shard).map(|shard| &shard.layout),
            Target::Vector(_) => None,
        }
    }

    /// Packs the band's rows.
    fn pack(&mut self, targets: &[Target], row_bytes: usize) {
        let Some(layout) = self.layout(targets) else { return };
        self.planes.resize(layout.planes().len() - 1, Vec::new());
        let mut rows: Vec<&[u8]> = self.rows.chunks_exact(row_bytes).collect();
        if self.band > TILE {
            let came = rows.clone();
            for (row, bytes) in came.into_iter().enumerate() {
                rows[reordered(row, self.band)] = bytes;
            }
        }
        for tile in rows.chunks(TILE) {
            pack_tile(layout, tile, &mut self.planes);
        }
        self.rows.clear();
    }

    /// Writes what is packed, where it is much or the shard is whole; answers the bytes.
    fn flush(&mut self, device: &Device, targets: &[Target], last: bool) -> usize {
        let Target::Matrix(shards) = &targets[self.tensor] else { return 0 };
        let Some(shard) = shards.get(self.shard) else { return 0 };
        let words: usize = self.planes.iter().map(Vec::len).sum();
        let a_tile = shard.layout.words_of_tile();
        let packed = words / a_tile;
        let whole = self.tiles + packed == shard.layout.tiles();
        if words == 0 || !(last || whole || words * 4 >= STAGED) {
            return 0;
        }
        for ((plane, start), a_tile) in
            self.planes.iter_mut().zip(shard.whole.planes()).zip(shard.whole.tile_words())
        {
            let at = shard.place.offset + 4 * (start + (shard.first_tile + self.tiles) * a_tile) as u64;
            device.queue.write_buffer(&shard.place.buffer, at, bytemuck::cast_slice(plane));
            plane.clear();
        }
        self.tiles += packed;
        if whole {
            self.shard += 1;
            self.tiles = 0;
        }
        words * 4
    }
}

/// A vector's numbers.
fn numbers(format: Format, blocks: &[u8]) -> Vec<f32> {
    let mut numbers = vec![0.0; blocks.len() / format.block_bytes() * format.block_len()];
    dequantise(format, blocks, &mut numbers);
    numbers
}
