//! The student as ONNX bytes, on `tract`'s own prost structs. The same network gives the same bytes.

use prost::Message;
use tract_onnx::pb;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension::Value};

use crate::network::{Dense, Network};
use crate::table::TableError;

/// ONNX bytes of a student; `schema` goes into the metadata.
///
/// Inputs `additive` `[N, H]`, which is the bias and the fields' additive shares added up, and `embedding` `[N, F·K]`
/// (field-major); output `logits` `[N, H]` = relu(relu(embedding·W1 + b1)·W2 + b2)·W3 + additive.
///
/// # Errors
/// [`TableError::Shape`] when the network has no interaction part of two hidden layers.
pub fn onnx(network: &Network, schema: &str) -> Result<Vec<u8>, TableError> {
    let [first, second, last] = &network.layers[..] else {
        return Err(TableError::Shape("a student has two hidden layers".to_owned()));
    };
    let (heads, width) = (network.heads, network.tables.len() * network.columns);
    let matrix = |name: &str, layer: &Dense| {
        let weights: Vec<f32> = layer.weights.iter().copied().collect();
        tensor(name, layer.weights.shape(), &weights)
    };
    let vector = |name: &str, layer: &Dense| tensor(name, &[layer.bias.len()], &layer.bias);
    let initializer = vec![
        matrix("W1", first),
        vector("b1", first),
        matrix("W2", second),
        vector("b2", second),
        matrix("W3", last),
    ];
    let model = pb::ModelProto {
        ir_version: 8,
        producer_name: "attune".to_owned(),
        opset_import: vec![pb::OperatorSetIdProto { domain: String::new(), version: 17 }],
        metadata_props: vec![pb::StringStringEntryProto {
            key: "schema".to_owned(),
            value: schema.to_owned(),
        }],
        graph: Some(pb::GraphProto {
            name: "student".to_owned(),
            initializer,
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
            input: vec![value("additive", heads), value("embedding", width)],
            output: vec![value("logits", heads)],
            ..Default::default()
        }),
        ..Default::default()
    };
    Ok(model.encode_to_vec())
}

fn tensor(name: &str, dims: &[usize], values: &[f32]) -> pb::TensorProto {
    pb::TensorProto {
        name: name.to_owned(),
        dims: dims.iter().map(|size| *size as i64).collect(),
        data_type: pb::tensor_proto::DataType::Float as i32,
        raw_data: values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        ..Default::default()
    }
}

fn node(op: &str, inputs: &[&str], output: &str) -> pb::NodeProto {
    pb::NodeProto {
        op_type: op.to_owned(),
        input: inputs.iter().map(|input| (*input).to_owned()).collect(),
        output: vec![output.to_owned()],
        ..Default::default()
    }
}

/// `[N, width]` of 32-bit floats.
fn value(name: &str, width: usize) -> pb::ValueInfoProto {
    let dim = [Value::DimParam("N".to_owned()), Value::DimValue(width as i64)]
        .map(|value| Dimension { value: Some(value), ..Default::default() });
    let tensor = pb::type_proto::Tensor {
        elem_type: pb::tensor_proto::DataType::Float as i32,
        shape: Some(pb::TensorShapeProto { dim: dim.into() }),
    };
    pb::ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(pb::TypeProto {
            value: Some(pb::type_proto::Value::TensorType(tensor)),
            ..Default::default()
        }),
        ..Default::default()
    }
}
