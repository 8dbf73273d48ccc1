// As much of TOML as wrangler.toml uses: tables, arrays of tables, strings, numbers, booleans, lists of them.
// What it does not know is an error, so that nothing in the file is passed over.

export function parseToml(text) {
  const root = {};
  let table = root;
  const lines = text.split("\n");
  for (let n = 0; n < lines.length; n++) {
    let line = lines[n].trim();
    if (line === "" || line.startsWith("#")) continue;
    const header = /^(\[\[?)\s*([\w.-]+)\s*(\]\]?)\s*(?:#.*)?$/.exec(line);
    if (header) {
      table = enter(root, header[2].split("."), header[1] === "[[");
      continue;
    }
    const pair = /^("?)([\w.-]+)\1\s*=\s*(.*)$/.exec(line);
    if (!pair) throw new Error(`wrangler.toml, line ${n + 1}: not understood: ${line}`);
    let source = pair[3];
    while (source.startsWith("[") && !closed(source) && n + 1 < lines.length) source += "\n" + lines[++n];
    table[pair[2]] = value(source, n + 1);
  }
  return root;
}

function enter(root, path, isList) {
  let at = root;
  path.forEach((name, depth) => {
    const last = depth === path.length - 1;
    if (last && isList) at = (at[name] ??= [])[at[name].push({}) - 1];
    else {
      at = at[name] ??= {};
      if (Array.isArray(at)) at = at.at(-1);
    }
  });
  return at;
}

const STRING = /^(?:"(?:[^"\\]|\\.)*"|'[^']*')/;

function closed(source) {
  return tokens(source).at(-1) === "]";
}

function tokens(source) {
  const found = [];
  let rest = source;
  for (;;) {
    rest = rest.replace(/^(?:\s+|#[^\n]*)+/, "");
    if (rest === "") return found;
    const token = (STRING.exec(rest) ?? /^[[\],]/.exec(rest) ?? /^[^\s,[\]#]+/.exec(rest))[0];
    found.push(token);
    rest = rest.slice(token.length);
  }
}

function value(source, line) {
  const list = tokens(source);
  const scalar = (token) => {
    if (token === "true" || token === "false") return token === "true";
    if (token.startsWith('"')) return JSON.parse(token);
    if (token.startsWith("'")) return token.slice(1, -1);
    if (/^[+-]?\d+(\.\d+)?$/.test(token)) return Number(token);
    throw new Error(`wrangler.toml, line ${line}: not understood: ${token}`);
  };
  if (list[0] !== "[") {
    if (list.length !== 1) throw new Error(`wrangler.toml, line ${line}: not understood: ${source}`);
    return scalar(list[0]);
  }
  if (list.at(-1) !== "]") throw new Error(`wrangler.toml, line ${line}: the list is not closed`);
  return list.slice(1, -1).filter((token) => token !== ",").map(scalar);
}
