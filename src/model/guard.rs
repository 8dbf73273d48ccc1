//! Reads an ONNX file into a [`Graph`] that holds nothing but matrix products, sums and ReLUs of known widths.
//!
//! Every activation is a matrix `[N, width]`; every constant is a finite `f32` matrix or vector. Nodes come in
//! the order ONNX asks for (a value before its uses), which also rules out cycles.

use std::collections::BTreeMap;

use prost::Message;
use tract_onnx::pb;

use super::ModelError;

/// Largest file.
const MAX_BYTES: usize = 24 << 20;
/// Most numbers in all constants together.
const MAX_ELEMENTS: usize = 4 << 20;
const MAX_WIDTH: usize = 1 << 16;
const MAX_NODES: usize = 64;
const MAX_CONSTANTS: usize = 128;
/// In these, the four operators mean the same: Gemm's bias is optional since 11, sums broadcast since 7.
const OPERATOR_SETS: std::ops::RangeInclusive<i64> = 11..=24;
/// `TensorProto.DataType.FLOAT`.
const FLOAT: i32 = pb::tensor_proto::DataType::Float as i32;

/// A checked network: `steps[i]` makes value `i + 2`; values 0 and 1 are the inputs.
pub(super) struct Graph {
    pub(super) heads: usize,
    pub(super) embedding: usize,
    pub(super) steps: Vec<Step>,
    /// Which value `logits` is.
    pub(super) logits: usize,
}

/// One operation on `[N, width]` values, named by their index.
pub(super) enum Step {
    /// `[N, k]` times a constant `[k, n]`.
    Product(usize, Matrix),
    /// A constant added to every row.
    Bias(usize, Matrix),
    /// Two values of equal width.
    Sum(usize, usize),
    /// `max(x, 0)`.
    Relu(usize),
}

/// A constant, row-major.
#[derive(Clone)]
pub(super) struct Matrix {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) values: Vec<f32>,
}

impl Matrix {
    fn transposed(&self) -> Self {
        let values = (0..self.columns)
            .flat_map(|column| self.values.iter().skip(column).step_by(self.columns).copied())
            .collect();
        Self { rows: self.columns, columns: self.rows, values }
    }
}

#[derive(Clone, Copy)]
struct Activation {
    index: usize,
    width: usize,
}

/// Reads and checks an ONNX file.
pub(super) fn read(onnx: &[u8]) -> Result<Graph, ModelError> {
    limit("bytes", onnx.len(), MAX_BYTES)?;
    let file = pb::ModelProto::decode(onnx).map_err(|error| ModelError::Malformed(error.to_string()))?;
    if !file.functions.is_empty() || !file.training_info.is_empty() {
        return unsupported("functions or training information");
    }
    let [set] = &file.opset_import[..] else {
        return Err(malformed("it does not name exactly one operator set"));
    };
    if !matches!(&*set.domain, "" | "ai.onnx") || !OPERATOR_SETS.contains(&set.version) {
        return unsupported("operators that are not ONNX's own, or of another version");
    }
    let graph = file.graph.ok_or_else(|| malformed("it holds no graph"))?;
    if !graph.sparse_initializer.is_empty() || !graph.quantization_annotation.is_empty() {
        return unsupported("sparse or quantised constants");
    }
    limit("nodes", graph.node.len(), MAX_NODES)?;
    limit("constants", graph.initializer.len(), MAX_CONSTANTS)?;
    let constants = constants(&graph.initializer)?;

    let mut reader = Reader { constants, values: BTreeMap::new(), steps: Vec::new() };
    // Older writers list constants among the inputs too.
    let inputs: Vec<_> =
        graph.input.iter().filter(|input| !reader.constants.contains_key(&input.name)).collect();
    let [first, second] = inputs[..] else {
        return Err(ModelError::Shape(format!("{} inputs instead of additive, embedding", inputs.len())));
    };
    let (additive, embedding) = match (&*first.name, &*second.name) {
        ("additive", "embedding") => (width(first)?, width(second)?),
        ("embedding", "additive") => (width(second)?, width(first)?),
        _ => return Err(ModelError::Shape("the inputs are not named additive and embedding".to_owned())),
    };
    reader.define("additive", Activation { index: 0, width: additive })?;
    reader.define("embedding", Activation { index: 1, width: embedding })?;
    for node in &graph.node {
        reader.node(node)?;
    }
    let [output] = &graph.output[..] else {
        return Err(ModelError::Shape(format!("{} outputs instead of logits", graph.output.len())));
    };
    if output.name != "logits" {
        return Err(ModelError::Shape("the output is not named logits".to_owned()));
    }
    let logits = reader.value("logits")?;
    let heads = width(output)?;
    if logits.width != heads || logits.index < 2 {
        return Err(ModelError::Shape(format!("logits are {} wide, not {heads}", logits.width)));
    }
    if additive != heads {
        return Err(ModelError::Shape(format!("{additive} additive columns for {heads} heads")));
    }
    Ok(Graph { heads, embedding, steps: reader.steps, logits: logits.index })
}

struct Reader {
    constants: BTreeMap<String, Matrix>,
    values: BTreeMap<String, Activation>,
    steps: Vec<Step>,
}

impl Reader {
    fn define(&mut self, name: &str, value: Activation) -> Result<(), ModelError> {
        if name.is_empty() || self.constants.contains_key(name) {
            return Err(malformed(&format!("the name {name:?} is empty or taken by a constant")));
        }
        match self.values.insert(name.to_owned(), value) {
            Some(_) => Err(malformed(&format!("the name {name:?} is used twice"))),
            None => Ok(()),
        }
    }

    fn value(&self, name: &str) -> Result<Activation, ModelError> {
        self.values
            .get(name)
            .copied()
            .ok_or_else(|| malformed(&format!("{name:?} is used before anything makes it")))
    }

    fn constant(&self, name: &str) -> Result<&Matrix, ModelError> {
        self.constants.get(name).ok_or_else(|| ModelError::Unsupported(format!("{name:?} as a constant")))
    }

    fn push(&mut self, step: Step, width: usize) -> Activation {
        self.steps.push(step);
        Activation { index: self.steps.len() + 1, width }
    }

    fn node(&mut self, node: &pb::NodeProto) -> Result<(), ModelError> {
        if !matches!(&*node.domain, "" | "ai.onnx") {
            return unsupported("operators that are not ONNX's own");
        }
        let [output] = &node.output[..] else {
            return Err(malformed("a node has not exactly one output"));
        };
        let inputs: Vec<&str> = node.input.iter().map(String::as_str).collect();
        if node.op_type != "Gemm" && !node.attribute.is_empty() {
            return unsupported(&format!("attributes of {}", node.op_type));
        }
        let made = match (&*node.op_type, &inputs[..]) {
            ("MatMul", [a, b]) => {
                let matrix = self.constant(b)?.clone();
                self.product(a, matrix)?
            }
            ("Gemm", [a, b, bias @ ..]) if bias.len() <= 1 => {
                let matrix = self.constant(b)?;
                let matrix = if gemm_transposes(node)? { matrix.transposed() } else { matrix.clone() };
                let product = self.product(a, matrix)?;
                match bias {
                    [name] if !name.is_empty() => self.bias(product, name)?,
                    _ => product,
                }
            }
            ("Add", [a, b]) => match (self.constants.contains_key(*a), self.constants.contains_key(*b)) {
                (false, false) => {
                    let (a, b) = (self.value(a)?, self.value(b)?);
                    if a.width != b.width {
                        return Err(ModelError::Shape(format!(
                            "a sum of {} and {} columns",
                            a.width, b.width
                        )));
                    }
                    self.push(Step::Sum(a.index, b.index), a.width)
                }
                (false, true) => self.bias(self.value(a)?, b)?,
                (true, false) => self.bias(self.value(b)?, a)?,
                (true, true) => return unsupported("a sum of two constants"),
            },
            ("Relu", [a]) => {
                let a = self.value(a)?;
                self.push(Step::Relu(a.index), a.width)
            }
            ("MatMul" | "Gemm" | "Add" | "Relu", _) => {
                return Err(malformed(&format!("{} has {} inputs", node.op_type, inputs.len())));
            }
            (other, _) => {
                let shown: String = other.chars().take(40).collect();
                return unsupported(&format!("the operator {shown:?}"));
            }
        };
        self.define(output, made)
    }

    fn product(&mut self, a: &str, matrix: Matrix) -> Result<Activation, ModelError> {
        let a = self.value(a)?;
        if a.width != matrix.rows {
            return Err(ModelError::Shape(format!(
                "a product of {} columns and {} rows",
                a.width, matrix.rows
            )));
        }
        let width = matrix.columns;
        Ok(self.push(Step::Product(a.index, matrix), width))
    }

    fn bias(&mut self, a: Activation, name: &str) -> Result<Activation, ModelError> {
        let bias = self.constant(name)?.clone();
        if bias.rows != 1 || bias.columns != a.width {
            return Err(ModelError::Shape(format!(
                "a bias [{}, {}] for {} columns",
                bias.rows, bias.columns, a.width
            )));
        }
        Ok(self.push(Step::Bias(a.index, bias), a.width))
    }
}

/// Gemm's `transB`; any other use of its attributes is refused.
#[allow(clippy::float_cmp)]
fn gemm_transposes(node: &pb::NodeProto) -> Result<bool, ModelError> {
    let mut transposes = false;
    for attribute in &node.attribute {
        match (&*attribute.name, attribute.f, attribute.i) {
            ("alpha" | "beta", 1.0, _) | ("transA", _, 0) => {}
            ("transB", _, flag @ (0 | 1)) => transposes = flag == 1,
            _ => return unsupported("Gemm with other factors or a transposed first operand"),
        }
    }
    Ok(transposes)
}

/// The constants by name; a vector counts as one row.
fn constants(tensors: &[pb::TensorProto]) -> Result<BTreeMap<String, Matrix>, ModelError> {
    let mut constants = BTreeMap::new();
    let mut total = 0_usize;
    for tensor in tensors {
        let matrix = constant(tensor, &mut total)?;
        if tensor.name.is_empty() || constants.insert(tensor.name.clone(), matrix).is_some() {
            return Err(malformed("two constants have the same name, or one has none"));
        }
    }
    Ok(constants)
}

fn constant(tensor: &pb::TensorProto, total: &mut usize) -> Result<Matrix, ModelError> {
    if tensor.data_type != FLOAT {
        return unsupported("constants that are not 32-bit floats");
    }
    if tensor.data_location.unwrap_or(0) != 0 || !tensor.external_data.is_empty() || tensor.segment.is_some()
    {
        return unsupported("constants outside the file");
    }
    let (rows, columns) = match tensor.dims[..] {
        [columns] => (1, dimension(columns)?),
        [rows, columns] => (dimension(rows)?, dimension(columns)?),
        _ => return Err(ModelError::Shape(format!("a constant of rank {}", tensor.dims.len()))),
    };
    // Both are at most MAX_WIDTH, so neither the product nor four times it overflows 32 bits by much; the
    // product is checked before it is used as a size.
    let elements = rows.saturating_mul(columns);
    *total = total.saturating_add(elements);
    limit("weights", *total, MAX_ELEMENTS)?;
    let values: Vec<f32> = match (tensor.raw_data.len(), tensor.float_data.len()) {
        (bytes, 0) if bytes == 4 * elements => {
            tensor.raw_data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
        }
        (0, count) if count == elements => tensor.float_data.clone(),
        (bytes, count) => {
            return Err(malformed(&format!("{bytes} bytes and {count} floats for {elements} weights")));
        }
    };
    if !values.iter().all(|value| value.is_finite()) {
        return Err(ModelError::NotFinite("a weight".to_owned()));
    }
    Ok(Matrix { rows, columns, values })
}

fn dimension(size: i64) -> Result<usize, ModelError> {
    match usize::try_from(size) {
        Ok(size) if (1..=MAX_WIDTH).contains(&size) => Ok(size),
        _ => Err(ModelError::Shape(format!("a dimension of {size}"))),
    }
}

/// The width of a graph input or output `[N, width]` of 32-bit floats.
fn width(info: &pb::ValueInfoProto) -> Result<usize, ModelError> {
    use pb::tensor_shape_proto::dimension::Value;
    let named =
        |why: &str| ModelError::Shape(format!("{} {why}", info.name.chars().take(40).collect::<String>()));
    let Some(pb::type_proto::Value::TensorType(tensor)) = info.r#type.as_ref().and_then(|t| t.value.as_ref())
    else {
        return Err(named("has no tensor type"));
    };
    if tensor.elem_type != FLOAT {
        return Err(named("does not hold 32-bit floats"));
    }
    let dims = tensor.shape.as_ref().map_or(&[][..], |shape| &shape.dim);
    let [rows, columns] = dims else {
        return Err(named("is not a matrix"));
    };
    match (&rows.value, &columns.value) {
        (None | Some(Value::DimParam(_)), Some(Value::DimValue(width))) => dimension(*width),
        (Some(Value::DimValue(_)), _) => Err(named("has a fixed number of rows")),
        _ => Err(named("has no fixed width")),
    }
}

fn limit(what: &'static str, found: usize, limit: usize) -> Result<(), ModelError> {
    if found > limit { Err(ModelError::TooLarge { what, found, limit }) } else { Ok(()) }
}

fn malformed(why: &str) -> ModelError {
    ModelError::Malformed(why.to_owned())
}

fn unsupported<T>(what: &str) -> Result<T, ModelError> {
    Err(ModelError::Unsupported(what.to_owned()))
}
