// A GGUF file made by hand: a model of the Llama architecture that writes one sentence, whatever it has read. Its layers add
// nothing to the stream; a word's embedding is a unit vector of its own, and the output knows which word follows it. So the
// right answer is known without any engine, and a wrong byte shows.

import { createHash } from "node:crypto";

const HIDDEN = 64;
const ALIGNMENT = 32;
const TYPES = { u32: 4, i32: 5, f32: 6, bool: 7, string: 8, array: 9 };

class Bytes {
  parts = [];
  length = 0;

  push(...buffers) {
    for (const buffer of buffers) {
      this.parts.push(buffer);
      this.length += buffer.length;
    }
  }
  u32 = (n) => this.push(Buffer.from(Uint32Array.of(n).buffer));
  u64 = (n) => this.push(Buffer.from(BigUint64Array.of(BigInt(n)).buffer));
  string(text) {
    const bytes = Buffer.from(text);
    this.u64(bytes.length);
    this.push(bytes);
  }
  value(type, value) {
    if (type === "string") this.string(value);
    else if (type === "bool") this.push(Buffer.from([value ? 1 : 0]));
    else if (type === "f32") this.push(Buffer.from(Float32Array.of(value).buffer));
    else this.u32(value >>> 0);
  }
  pad() {
    this.push(Buffer.alloc((ALIGNMENT - (this.length % ALIGNMENT)) % ALIGNMENT));
  }
}

/** The file. `layers` of weights make it larger, and no wiser; `voice` is how it is asked; without `tokenizer` it knows no words. */
export function parrot(words, { layers = 1, feedForward = 64, voice, tokenizer = true } = {}) {
  const tokens = ["<unk>", "<s>", "</s>", ...Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`), ...words.map((word) => word.replaceAll(" ", "▁"))];
  const first = tokens.length - words.length;
  const kinds = tokens.map((_, token) => (token === 0 ? 2 : token < 3 ? 3 : token < 259 ? 6 : 1));
  // Rows: token → the coordinate that is set. Coordinate 0 is anything that was read.
  const coordinate = (token) => (token < first ? 0 : token - first + 1);
  const matrix = (rows, columns, fill = () => 0) => {
    const numbers = new Float32Array(rows * columns);
    for (let row = 0; row < rows; row += 1) for (let column = 0; column < columns; column += 1) numbers[row * columns + column] = fill(row, column);
    return { rows, columns, numbers };
  };
  // After anything the first word, after a word the next, after the last the end.
  const follows = (token) => (token === 2 ? words.length : token >= first ? token - first : -1);
  const ones = (columns) => matrix(1, columns, () => 1);
  const tensors = [["token_embd.weight", matrix(tokens.length, HIDDEN, (row, column) => (coordinate(row) === column ? 1 : 0))]];
  for (let layer = 0; layer < layers; layer += 1) {
    const named = (name, tensor) => tensors.push([`blk.${layer}.${name}.weight`, tensor]);
    named("attn_norm", ones(HIDDEN));
    for (const name of ["attn_q", "attn_k", "attn_v", "attn_output"]) named(name, matrix(HIDDEN, HIDDEN));
    named("ffn_norm", ones(HIDDEN));
    named("ffn_gate", matrix(feedForward, HIDDEN));
    named("ffn_up", matrix(feedForward, HIDDEN));
    named("ffn_down", matrix(HIDDEN, feedForward));
  }
  tensors.push(["output_norm.weight", ones(HIDDEN)], ["output.weight", matrix(tokens.length, HIDDEN, (row, column) => (follows(row) === column ? 4 : 0))]);

  const pairs = [
    ["general.architecture", "string", "llama"],
    ["general.name", "string", "parrot"],
    ...(voice ? [["attune.voice", "string", voice]] : []),
    ["llama.embedding_length", "u32", HIDDEN],
    ["llama.block_count", "u32", layers],
    ["llama.attention.head_count", "u32", 4],
    ["llama.attention.head_count_kv", "u32", 4],
    ["llama.feed_forward_length", "u32", feedForward],
    ["llama.context_length", "u32", 1024],
    ["llama.attention.layer_norm_rms_epsilon", "f32", 1e-5],
    ...(tokenizer ? [
      ["tokenizer.ggml.model", "string", "llama"],
      ["tokenizer.ggml.tokens", ["string"], tokens],
      ["tokenizer.ggml.scores", ["f32"], tokens.map((_, token) => -token)],
      ["tokenizer.ggml.token_type", ["i32"], kinds],
      ["tokenizer.ggml.unknown_token_id", "u32", 0],
      ["tokenizer.ggml.bos_token_id", "u32", 1],
      ["tokenizer.ggml.eos_token_id", "u32", 2],
      ["tokenizer.ggml.add_space_prefix", "bool", false],
    ] : []),
  ];
  const file = new Bytes();
  file.push(Buffer.from("GGUF"));
  file.u32(3);
  file.u64(tensors.length);
  file.u64(pairs.length);
  for (const [key, type, value] of pairs) {
    file.string(key);
    if (!Array.isArray(type)) {
      file.u32(TYPES[type]);
      file.value(type, value);
      continue;
    }
    file.u32(TYPES.array);
    file.u32(TYPES[type[0]]);
    file.u64(value.length);
    for (const one of value) file.value(type[0], one);
  }
  let offset = 0;
  for (const [name, { rows, columns, numbers }] of tensors) {
    file.string(name);
    const dimensions = rows === 1 ? [columns] : [columns, rows];
    file.u32(dimensions.length);
    for (const dimension of dimensions) file.u64(dimension);
    file.u32(0);
    file.u64(offset);
    offset += Math.ceil((numbers.length * 4) / ALIGNMENT) * ALIGNMENT;
  }
  file.pad();
  for (const [, { numbers }] of tensors) {
    file.push(Buffer.from(numbers.buffer));
    file.pad();
  }
  return Buffer.concat(file.parts);
}

/** The file's manifest. */
export function manifest(file, shard = 1 << 16) {
  const hash = (_, at) => createHash("sha256").update(file.subarray(at * shard, (at + 1) * shard)).digest("hex");
  return { bytes: file.length, shard, sha256: Array.from({ length: Math.ceil(file.length / shard) }, hash) };
}
