// Is the copy true, and good? RNNLG's and AdvertiseGen's validation rows through the command line, and the planted facts of the guard's test.

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ATTUNE, COPYWRITER, ROOT, round, say } from "./given.mjs";

const DATA = process.env.ATTUNE_DATA;
/** BLEU and slot error of SC-LSTM on the test parts (Wen et al., 2016). */
const PUBLISHED = { laptop: { bleu: 0.5116, slot_error: 0.0079 }, tv: { bleu: 0.5265, slot_error: 0.0231 } };

function evaluated(format, file, rung, ...more) {
  const said = JSON.parse(execFileSync(ATTUNE, ["generate", "evaluate", "--format", format, join(DATA, file), "--rung", rung, "--json", ...more], { encoding: "utf8", maxBuffer: 1 << 28 }));
  const { rungs, rows, bleu, slot_error, coverage } = said;
  const told = [`BLEU ${round(bleu, 4)}`];
  if (slot_error != null) told.push(`slot error ${round(100 * slot_error, 2)} %`);
  if (coverage != null) told.push(`coverage ${round(coverage)}`);
  say(`  ${file}, ${rung}: ${told.join(", ")}`);
  return { rungs, rows, bleu, slot_error, coverage };
}

function planted() {
  const test = ["test", "--quiet", "--package", "attune-generate", "--test", "planted", "planted_facts", "--", "--nocapture"];
  const said = execFileSync(process.env.CARGO ?? "cargo", test, { cwd: ROOT, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  const lines = [...said.matchAll(/^(\S+): (\d+) of (\d+) plants caught, (\d+) of (\d+) true texts stopped$/gm)];
  if (!lines.length) throw new Error("the planted test said nothing");
  return Object.fromEntries(lines.map(([line, source, ...numbers]) => {
    say(`  ${line}`);
    const [caught, plants, stopped, texts] = numbers.map(Number);
    return [source, { caught, planted: plants, true_texts_stopped: stopped, true_texts: texts }];
  }));
}

export default function truth() {
  const rungs = ["template", ...(existsSync(COPYWRITER) ? ["cpu"] : [])];
  const rnnlg = Object.entries(PUBLISHED).map(([domain, published]) => {
    const file = `rnnlg/${domain}/valid.json.gz`;
    return [domain, { ...Object.fromEntries(rungs.map((rung) => [rung, evaluated("rnnlg", file, rung)])), published, bar: { bleu: 0.45, slot_error: 0.005 } }];
  });
  const advertisegen = evaluated("advertisegen", "advertisegen/train_5000.jsonl.gz", "template", "--last", "500");
  return { rnnlg: Object.fromEntries(rnnlg), advertisegen: { template: advertisegen, published: { retrieval: 0.578, human: 0.863 }, bar: { coverage: 0.95 } }, planted: planted() };
}
