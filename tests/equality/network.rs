//! A student network and rows that are the same on every machine: no randomness, no transcendental function.

use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension::Value};

pub(crate) use tract_onnx::pb;

const FIELDS: usize = 24;
pub(crate) const HEADS: usize = 2;
pub(crate) const COLUMNS: usize = 4;
pub(crate) const E: usize = FIELDS * COLUMNS;

/// A small generator of its own, so that the weights never change: splitmix64, to [-1, 1).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    }

    fn take(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.next()).collect()
    }
}

pub(crate) fn tensor(name: &str, dims: &[i64], values: &[f32]) -> pb::TensorProto {
    pb::TensorProto {
        name: name.to_owned(),
        dims: dims.to_vec(),
        data_type: 1,
        raw_data: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        ..Default::default()
    }
}

pub(crate) fn node(op: &str, inputs: &[&str], output: &str) -> pb::NodeProto {
    pb::NodeProto {
        op_type: op.to_owned(),
        input: inputs.iter().map(|&i| i.to_owned()).collect(),
        output: vec![output.to_owned()],
        ..Default::default()
    }
}

pub(crate) fn value(name: &str, dims: &[Option<i64>]) -> pb::ValueInfoProto {
    let dim = dims.iter().map(|size| Dimension {
        value: Some(size.map_or_else(|| Value::DimParam("N".to_owned()), Value::DimValue)),
        ..Default::default()
    });
    let shape = pb::TensorShapeProto { dim: dim.collect() };
    let tensor = pb::type_proto::Tensor { elem_type: 1, shape: Some(shape) };
    pb::ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(pb::TypeProto {
            value: Some(pb::type_proto::Value::TensorType(tensor)),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// The student of 24 fields: `additive` + MLP 96-32-16-2.
pub(crate) fn student() -> pb::ModelProto {
    student_of(FIELDS)
}

/// The same network over another number of fields.
pub(crate) fn student_of(fields: usize) -> pb::ModelProto {
    let e = fields * COLUMNS;
    let mut noise = Noise(7);
    let layer = |noise: &mut Noise, rows: usize, columns: usize| -> Vec<f32> {
        noise.take(rows * columns).iter().map(|w| w * (2.0 / rows as f32).sqrt()).collect()
    };
    pb::ModelProto {
        ir_version: 8,
        opset_import: vec![pb::OperatorSetIdProto { domain: String::new(), version: 17 }],
        graph: Some(pb::GraphProto {
            name: "student".to_owned(),
            initializer: vec![
                tensor("W1", &[e as i64, 32], &layer(&mut noise, e, 32)),
                tensor("b1", &[32], &noise.take(32)),
                tensor("W2", &[32, 16], &layer(&mut noise, 32, 16)),
                tensor("b2", &[16], &noise.take(16)),
                tensor("W3", &[16, HEADS as i64], &layer(&mut noise, 16, HEADS)),
            ],
            node: vec![
                node("MatMul", &["embedding", "W1"], "p1"),
                node("Add", &["p1", "b1"], "a1"),
                node("Relu", &["a1"], "h1"),
                node("MatMul", &["h1", "W2"], "p2"),
                node("Add", &["p2", "b2"], "a2"),
                node("Relu", &["a2"], "h2"),
                node("MatMul", &["h2", "W3"], "p3"),
                node("Add", &["p3", "additive"], "logits"),
            ],
            input: vec![
                value("additive", &[None, Some(HEADS as i64)]),
                value("embedding", &[None, Some(e as i64)]),
            ],
            output: vec![value("logits", &[None, Some(HEADS as i64)])],
            ..Default::default()
        }),
        ..Default::default()
    }
}

pub(crate) fn rows(n: usize) -> (Vec<f32>, Vec<f32>) {
    let mut noise = Noise(11);
    let (mut additive, mut embedding) = (Vec::new(), Vec::new());
    for _ in 0..n {
        additive.extend(noise.take(HEADS));
        embedding.extend(noise.take(E));
    }
    (additive, embedding)
}
