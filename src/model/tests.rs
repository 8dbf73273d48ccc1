use prost::Message;

use super::{Model, ModelError};

#[path = "../../tests/equality/network.rs"]
mod network;

use network::{E, HEADS, node, pb, rows, student, tensor, value};

fn constants(file: &pb::ModelProto) -> Vec<Vec<f32>> {
    let decode = |t: &pb::TensorProto| {
        t.raw_data.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
    };
    file.graph.as_ref().unwrap().initializer.iter().map(decode).collect()
}

/// `x·w`, multiplied, rounded, added, rounded, in the order of the inner dimension.
fn product(x: &[f32], w: &[f32], columns: usize) -> Vec<f32> {
    (0..columns)
        .map(|column| x.iter().enumerate().fold(0.0, |sum, (k, x)| sum + x * w[k * columns + column]))
        .collect()
}

/// What the contract says, written as loops.
fn reference(file: &pb::ModelProto, additive: &[f32], embedding: &[f32]) -> Vec<f32> {
    let c = constants(file);
    let relu =
        |x: Vec<f32>, b: &[f32]| -> Vec<f32> { x.iter().zip(b).map(|(x, b)| (x + b).max(0.0)).collect() };
    additive
        .chunks(HEADS)
        .zip(embedding.chunks(E))
        .flat_map(|(additive, embedding)| {
            let h1 = relu(product(embedding, &c[0], 32), &c[1]);
            let h2 = relu(product(&h1, &c[2], 16), &c[3]);
            let p3 = product(&h2, &c[4], HEADS);
            (0..HEADS).map(|h| p3[h] + additive[h]).collect::<Vec<f32>>()
        })
        .collect()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

#[test]
fn logits_are_those_of_plain_loops_to_the_last_bit() {
    let file = student();
    let model = Model::load(&file.encode_to_vec()).unwrap();
    assert_eq!((model.heads(), model.embedding_width()), (HEADS, E));
    let (additive, embedding) = rows(300);
    let logits = model.run(300, &additive, &embedding).unwrap();
    assert_eq!(bits(&logits), bits(&reference(&file, &additive, &embedding)));
}

#[test]
fn a_row_does_not_depend_on_the_others() {
    let model = Model::load(&student().encode_to_vec()).unwrap();
    let (additive, embedding) = rows(300);
    let all = bits(&model.run(300, &additive, &embedding).unwrap());
    for n in [1, 2, 3, 4, 5, 7, 8, 16, 31, 33, 100, 257] {
        for first in [0, 43] {
            let logits = model
                .run(n, &additive[first * HEADS..(first + n) * HEADS], &embedding[first * E..(first + n) * E])
                .unwrap();
            assert_eq!(bits(&logits), all[first * HEADS..(first + n) * HEADS], "{n} rows from {first}");
        }
    }
    assert_eq!(model.run(0, &[], &[]).unwrap(), Vec::<f32>::new());
}

#[test]
fn gemm_is_the_same_network() {
    let mut file = student();
    let plain = Model::load(&file.encode_to_vec()).unwrap();
    let graph = file.graph.as_mut().unwrap();
    let w1 = constants(&student())[0].clone();
    let transposed: Vec<f32> =
        (0..32).flat_map(|c| (0..E).map(move |r| (r, c))).map(|(r, c)| w1[r * 32 + c]).collect();
    graph.initializer[0] = tensor("W1", &[32, E as i64], &transposed);
    let mut gemm = node("Gemm", &["embedding", "W1", "b1"], "a1");
    gemm.attribute = vec![
        pb::AttributeProto { name: "transB".to_owned(), i: 1, r#type: 2, ..Default::default() },
        pb::AttributeProto { name: "alpha".to_owned(), f: 1.0, r#type: 1, ..Default::default() },
    ];
    graph.node.splice(0..2, [gemm]);
    let other = Model::load(&file.encode_to_vec()).unwrap();
    let (additive, embedding) = rows(9);
    assert_eq!(
        bits(&plain.run(9, &additive, &embedding).unwrap()),
        bits(&other.run(9, &additive, &embedding).unwrap())
    );
}

#[test]
fn rows_of_the_wrong_length_are_refused() {
    let model = Model::load(&student().encode_to_vec()).unwrap();
    let (mut additive, embedding) = rows(2);
    assert_eq!(model.run(1, &additive, &embedding).unwrap_err().code(), "model_input");
    assert_eq!(model.run(usize::MAX, &additive, &embedding).unwrap_err().code(), "model_too_large");
    additive[0] = f32::NAN;
    assert_eq!(model.run(2, &additive, &embedding).unwrap_err().code(), "model_not_finite");
    let big = vec![f32::INFINITY; HEADS];
    assert_eq!(model.run(1, &big, &embedding[..E]).unwrap_err().code(), "model_not_finite");
}

fn refused(change: impl Fn(&mut pb::GraphProto)) -> &'static str {
    let mut file = student();
    change(file.graph.as_mut().unwrap());
    Model::load(&file.encode_to_vec()).unwrap_err().code()
}

#[test]
fn hostile_constants_are_refused() {
    type Change = fn(&mut pb::TensorProto);
    let cases: &[(&str, &str, Change)] = &[
        ("NaN", "model_not_finite", |t| t.raw_data[..4].copy_from_slice(&f32::NAN.to_le_bytes())),
        ("infinite", "model_not_finite", |t| t.raw_data[..4].copy_from_slice(&f32::INFINITY.to_le_bytes())),
        ("negative", "model_shape", |t| t.dims[0] = -96),
        ("both negative", "model_shape", |t| t.dims = vec![-96, -32]),
        ("zero", "model_shape", |t| t.dims[0] = 0),
        ("huge", "model_shape", |t| t.dims = vec![i64::MAX, i64::MAX]),
        ("product overflows", "model_too_large", |t| t.dims = vec![65_536, 65_536]),
        ("rank 0", "model_shape", |t| t.dims.clear()),
        ("rank 3", "model_shape", |t| t.dims = vec![1, 96, 32]),
        ("too few bytes", "model_malformed", |t| t.raw_data.truncate(9)),
        ("no data", "model_malformed", |t| t.raw_data.clear()),
        ("two kinds of data", "model_malformed", |t| t.float_data = vec![0.0]),
        ("doubles", "model_operator", |t| t.data_type = 11),
        ("unknown type", "model_operator", |t| t.data_type = -5),
        ("external", "model_operator", |t| t.data_location = Some(1)),
        ("external entries", "model_operator", |t| {
            t.external_data = vec![pb::StringStringEntryProto {
                key: "location".to_owned(),
                value: "/etc/passwd".to_owned(),
            }];
        }),
        ("other width", "model_shape", |t| t.dims = vec![32, 96]),
        ("no name", "model_malformed", |t| t.name.clear()),
        ("taken name", "model_malformed", |t| t.name = "W2".to_owned()),
        ("an input's name", "model_shape", |t| t.name = "embedding".to_owned()),
    ];
    for (case, code, change) in cases {
        assert_eq!(refused(|graph| change(&mut graph.initializer[0])), *code, "{case}");
    }
}

#[test]
fn hostile_graphs_are_refused() {
    type Change = fn(&mut pb::GraphProto);
    let cases: &[(&str, &str, Change)] = &[
        ("unknown operator", "model_operator", |g| g.node[2].op_type = "Loop".to_owned()),
        ("another domain", "model_operator", |g| g.node[2].domain = "com.microsoft".to_owned()),
        ("cyclic", "model_malformed", |g| g.node[0].input[0] = "h1".to_owned()),
        ("itself", "model_malformed", |g| g.node[2].input[0] = "h1".to_owned()),
        ("missing", "model_malformed", |g| g.node[2].input[0] = "nothing".to_owned()),
        ("out of order", "model_malformed", |g| g.node.swap(0, 1)),
        ("duplicated name", "model_malformed", |g| g.node[3].output[0] = "h1".to_owned()),
        ("an input's name again", "model_malformed", |g| g.node[3].output[0] = "additive".to_owned()),
        ("a constant's name again", "model_malformed", |g| g.node[3].output[0] = "W3".to_owned()),
        ("no output", "model_malformed", |g| g.node[3].output.clear()),
        ("two outputs", "model_malformed", |g| g.node[3].output.push("more".to_owned())),
        ("three inputs", "model_malformed", |g| g.node[1].input.push("b1".to_owned())),
        ("no inputs", "model_malformed", |g| g.node[1].input.clear()),
        ("constant on the left", "model_operator", |g| g.node[0].input.swap(0, 1)),
        ("two activations", "model_operator", |g| g.node[0].input[1] = "additive".to_owned()),
        ("sum of two widths", "model_shape", |g| g.node[1].input = vec!["p1".into(), "additive".into()]),
        ("bias of another width", "model_shape", |g| g.node[1].input[1] = "b2".to_owned()),
        ("a matrix as bias", "model_shape", |g| g.node[1].input[1] = "W1".to_owned()),
        ("an attribute with a graph", "model_operator", |g| {
            let inner = pb::AttributeProto { g: Some(pb::GraphProto::default()), ..Default::default() };
            g.node[0].attribute.push(inner);
        }),
        ("too many nodes", "model_too_large", |g| {
            let many = (0..60).map(|i| node("Relu", &["additive"], &format!("r{i}")));
            g.node.extend(many);
        }),
        ("no inputs", "model_shape", |g| g.input.clear()),
        ("a third input", "model_shape", |g| g.input.push(value("third", &[None, Some(1)]))),
        ("an unnamed input", "model_shape", |g| g.input[0].name = "other".to_owned()),
        ("the same input twice", "model_shape", |g| g.input[0].name = "embedding".to_owned()),
        ("fixed rows", "model_shape", |g| g.input[0] = value("additive", &[Some(1), Some(2)])),
        ("free width", "model_shape", |g| g.input[0] = value("additive", &[None, None])),
        ("wide input", "model_shape", |g| g.input[0] = value("additive", &[None, Some(i64::MAX)])),
        ("negative input", "model_shape", |g| g.input[0] = value("additive", &[None, Some(-1)])),
        ("input of rank 1", "model_shape", |g| g.input[0] = value("additive", &[Some(2)])),
        ("untyped input", "model_shape", |g| g.input[0].r#type = None),
        ("no output at all", "model_shape", |g| g.output.clear()),
        ("another output", "model_shape", |g| g.output[0].name = "h1".to_owned()),
        ("an input as output", "model_malformed", |g| g.node.truncate(1)),
        ("wrong heads", "model_shape", |g| g.output[0] = value("logits", &[None, Some(3)])),
        ("sparse", "model_operator", |g| g.sparse_initializer.push(pb::SparseTensorProto::default())),
    ];
    for (case, code, change) in cases {
        assert_eq!(refused(change), *code, "{case}");
    }
}

#[test]
fn damaged_files_are_refused_without_panic() {
    let bytes = student().encode_to_vec();
    assert!(Model::load(&[]).is_err());
    assert!(Model::load(b"not ONNX at all").is_err());
    for end in (0..bytes.len()).step_by(61).chain(bytes.len() - 40..bytes.len()) {
        assert!(Model::load(&bytes[..end]).is_err(), "cut at {end}");
    }
    let (additive, embedding) = rows(1);
    for at in (0..bytes.len()).step_by(17).chain(0..64) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        // A flipped weight bit may still be a network; it must then run, or say why it cannot.
        if let Ok(model) = Model::load(&damaged)
            && (model.heads(), model.embedding_width()) == (HEADS, E)
        {
            let run = model.run(1, &additive, &embedding);
            assert!(matches!(run, Ok(_) | Err(ModelError::NotFinite(_))), "flipped at {at}: {run:?}");
        }
    }
}
