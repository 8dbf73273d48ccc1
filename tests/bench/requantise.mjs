// A GGUF file's Q4_1 matrices as Q8_0, for a bench that has only the Q4_1 file: node tests/bench/requantise.mjs FROM.gguf TO.gguf
//
// Everything else is copied. Rounding is ggml's (`quantize_row_q8_0_ref`): the greatest magnitude of 32 becomes 127.

import { readFileSync, writeFileSync } from "node:fs";

const Q4_1 = 3;
const Q8_0 = 8;
/** Numbers and bytes of a block, by GGUF's number of the type. */
const BLOCKS = { 0: [1, 4], 1: [1, 2], 2: [32, 18], 3: [32, 20], 6: [32, 22], 8: [32, 34], 12: [256, 144], 14: [256, 210], 30: [1, 2] };
const SIZES = [1, 1, 2, 2, 4, 4, 4, 1, , , 8, 8, 8];
const align = (at) => Math.ceil(at / 32) * 32;

const bytes = readFileSync(process.argv[2]);
const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
const long = (at) => Number(view.getBigUint64(at, true));
const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

function half(at) {
  const value = view.getUint16(at, true);
  const magnitude = value & 0x7c00 ? (1 + (value & 0x3ff) / 1024) * 2 ** (((value >> 10) & 31) - 15) : (value & 0x3ff) * 2 ** -24;
  return value >> 15 ? -magnitude : magnitude;
}

/** To the nearest, ties to even; for numbers in the range of normal halves or below. */
function toHalf(value) {
  float[0] = value;
  const exponent = Math.max(((bits[0] >> 23) & 255) - 127, -14);
  const unit = 2 ** (exponent - 10);
  const whole = Math.floor(value / unit);
  const rest = value / unit - whole;
  const rounded = whole + (rest > 0.5 || (rest === 0.5 && whole % 2 === 1) ? 1 : 0);
  return rounded + (exponent + 14) * 1024;
}

function skip(at, type) {
  if (type === 8) return at + 8 + long(at);
  if (type !== 9) return at + SIZES[type];
  const [of, count] = [view.getUint32(at, true), long(at + 4)];
  let end = at + 12;
  for (let n = 0; n < count; n++) end = skip(end, of);
  return end;
}

let at = 24;
for (let n = long(16); n > 0; n--) at = skip(at + 8 + long(at) + 4, view.getUint32(at + 8 + long(at), true));
const head = Buffer.from(bytes.subarray(0, at));
const infos = [];
for (let n = long(8); n > 0; n--) {
  const start = at;
  at += 8 + long(at);
  const dimensions = view.getUint32(at, true);
  let numbers = 1;
  for (let d = 0; d < dimensions; d++) numbers *= long(at + 4 + 8 * d);
  at += 4 + 8 * dimensions;
  infos.push({ info: Buffer.from(bytes.subarray(start, at)), numbers, type: view.getUint32(at, true), offset: long(at + 4) });
  at += 12;
}
const data = align(at);

function requantised(from, numbers) {
  const blocks = numbers / 32;
  const out = Buffer.alloc(blocks * 34);
  const values = new Float32Array(32);
  for (let block = 0; block < blocks; block++) {
    const source = from + block * 20;
    const [scale, minimum] = [half(source), half(source + 2)];
    for (let n = 0; n < 16; n++) {
      const byte = bytes[source + 4 + n];
      values[n] = Math.fround(scale * (byte & 15)) + minimum;
      values[n + 16] = Math.fround(scale * (byte >> 4)) + minimum;
    }
    const most = values.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
    const inverse = most ? Math.fround(1 / Math.fround(most / 127)) : 0;
    out.writeUInt16LE(toHalf(Math.fround(most / 127)), block * 34);
    values.forEach((value, n) => {
      const scaled = Math.fround(value * inverse);
      out.writeInt8(Math.sign(scaled) * Math.round(Math.abs(scaled)), block * 34 + 2 + n);
    });
  }
  return out;
}

const parts = [];
let offset = 0;
for (const tensor of infos) {
  const [length, size] = BLOCKS[tensor.type];
  const from = data + tensor.offset;
  const again = tensor.type === Q4_1;
  const part = again ? requantised(from, tensor.numbers) : bytes.subarray(from, from + (tensor.numbers / length) * size);
  const tail = Buffer.alloc(12);
  tail.writeUInt32LE(again ? Q8_0 : tensor.type, 0);
  tail.writeBigUInt64LE(BigInt(offset), 4);
  tensor.info = Buffer.concat([tensor.info, tail]);
  parts.push(part, Buffer.alloc(align(part.length) - part.length));
  offset += align(part.length);
}
const header = Buffer.concat([head, ...infos.map(({ info }) => info)]);
writeFileSync(process.argv[3], Buffer.concat([header, Buffer.alloc(align(header.length) - header.length), ...parts]));
