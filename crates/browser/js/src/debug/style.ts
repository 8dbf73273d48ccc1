// The panel's looks. A constructed sheet needs no nonce, and the shadow keeps it from the page and the page from it.

export const STYLE = `
:host { all: initial; position: fixed; inset: auto 0 0 auto; z-index: 2147483647; color-scheme: light dark }
* { box-sizing: border-box }
.panel {
  --ink: #1c1c21; --soft: #5b5b66; --paper: #fff; --line: #d9d9e0; --mark: #3a49d8; --warn: #9a3b00;
  position: fixed; right: 12px; bottom: 12px; width: min(27rem, calc(100vw - 24px)); height: min(70vh, 46rem);
  display: flex; flex-direction: column; color: var(--ink); background: var(--paper); border: 1px solid var(--line);
  border-radius: 10px; box-shadow: 0 8px 30px #0004; font: 13px/1.45 system-ui, sans-serif;
}
@media (prefers-color-scheme: dark) {
  .panel { --ink: #ececf1; --soft: #a9a9b6; --paper: #1d1d22; --line: #3c3c46; --mark: #a3adff; --warn: #ffb27a }
}
@media (max-width: 480px) { .panel { right: 0; bottom: 0; width: 100vw; height: 62vh; border-radius: 10px 10px 0 0 } }
header { display: flex; align-items: center; gap: 8px; padding: 8px 8px 8px 14px; border-bottom: 1px solid var(--line) }
h2 { flex: 1; margin: 0; font-size: 14px }
button { font: inherit; color: inherit; background: none; border: 1px solid var(--line); border-radius: 6px; padding: 6px 12px; min-height: 32px; cursor: pointer }
button[aria-pressed=true] { border-color: var(--mark); color: var(--mark) }
:focus-visible { outline: 2px solid var(--mark); outline-offset: 1px }
.body { overflow: auto; overscroll-behavior: contain; padding: 0 14px 12px }
dl { display: grid; grid-template-columns: auto 1fr; gap: 2px 12px; margin: 10px 0 }
dt { color: var(--soft) }
dd { margin: 0; overflow-wrap: anywhere }
details { border-top: 1px solid var(--line); padding: 4px 0 }
summary { cursor: pointer; padding: 6px 0; font-weight: 600 }
summary span { font-weight: 400; color: var(--soft) }
p { margin: 4px 0 }
.warn { color: var(--warn) }
.soft { color: var(--soft) }
ol { margin: 8px 0 0; padding: 0; list-style: none }
li { display: grid; grid-template-columns: 1.8rem 1fr auto; gap: 0 6px; padding: 5px 0; border-top: 1px dotted var(--line) }
li > * { overflow-wrap: anywhere; min-width: 0 }
li > :nth-child(n + 4) { grid-column: 2 / -1 }
.off { opacity: .6 }
.frame { position: fixed; pointer-events: none; border: 3px solid #3a49d8; border-radius: 4px; box-shadow: 0 0 0 9999px #0000001f }
.frame[hidden] { display: none }
`;
