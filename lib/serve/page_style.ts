/** The style of the page. Colours have a contrast of at least 4.5 with their ground, in light and in dark. */
export const STYLE = `
:root {
  color-scheme: light dark; font: 16px/1.45 system-ui, sans-serif;
  --ground: #fff; --text: #1c1e21; --quiet: #5b6168; --line: #d5d9de; --accent: #1f5fa8; --on-accent: #fff;
  --above: #3f7fc4; --below: #9aa3ad; --moment: #f5d9a6; --problem: #9c2f12;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #16181b; --text: #e7e9ec; --quiet: #a3abb4; --line: #3a4047; --accent: #8cbcf0; --on-accent: #10151b;
    --above: #6ea8e6; --below: #6d7680; --moment: #5a4520; --problem: #f2a284;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 0 1rem 2rem; max-width: 68rem; background: var(--ground); color: var(--text); }
header { display: flex; align-items: baseline; gap: 1rem; flex-wrap: wrap; }
h1 { font-size: 1.3rem; margin: 1rem 0 .5rem; } h1 a { color: inherit; text-decoration: none; }
h2 { font-size: 1.05rem; margin: 0; overflow-wrap: anywhere; }
p { margin: .25rem 0; } #facts, .path, footer, figcaption { color: var(--quiet); font-size: .9rem; }
.path { overflow-wrap: anywhere; }
.line { display: flex; gap: .5rem; flex-wrap: wrap; align-items: center; }
.line label { flex-basis: 100%; font-weight: 600; } .line input { flex: 1 1 14rem; }
input, button { font: inherit; min-height: 2.75rem; padding: .4rem .7rem; border-radius: 6px; border: 1px solid var(--quiet);
  background: var(--ground); color: var(--text); max-width: 100%; }
input[type=checkbox] { min-height: 0; width: 1.2rem; height: 1.2rem; vertical-align: -.2rem; accent-color: var(--accent); }
button { cursor: pointer; } button[type=submit] { background: var(--accent); color: var(--on-accent); border-color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
details { margin: .75rem 0; } summary { cursor: pointer; padding: .4rem 0; width: fit-content; }
.fields { display: flex; flex-wrap: wrap; gap: .75rem 1.25rem; align-items: end; }
.fields label { display: flex; flex-direction: column; gap: .2rem; flex: 1 1 12rem; } .fields .number { flex: 0 1 9rem; }
.fields [hidden] { display: none; } .fields .box, .fields fieldset label { display: inline-block; padding: .5rem 1.25rem .5rem 0; }
fieldset { border: 1px solid var(--line); border-radius: 6px; } #indexes { flex-basis: 100%; } #indexes:empty { display: none; }
.problem { color: var(--problem); } .nothing { border-left: 4px solid var(--problem); padding: .3rem .75rem; font-weight: 600; } #status { min-height: 1.5rem; margin: .5rem 0; } #status:focus { outline: none; }
#results, .moments { list-style: none; padding: 0; margin: 0; }
#results[aria-busy=true] { opacity: .5; }
#results > li { display: flex; gap: 1rem; padding: 1rem 0; border-top: 1px solid var(--line); }
.player { flex: 0 0 20rem; } .facts { flex: 1; min-width: 0; }
video { display: block; width: 100%; aspect-ratio: 16 / 9; background: #000; border-radius: 6px; }
.preview { font-size: .9rem; } .time { font-variant-numeric: tabular-nums; }
.moments li { display: flex; flex-wrap: wrap; align-items: center; gap: .3rem .9rem; margin: .35rem 0; }
.moments .play { font-variant-numeric: tabular-nums; } .score { font-variant-numeric: tabular-nums; }
a { color: var(--accent); } .like { padding: .6rem 0; }
.picture { display: flex; flex-wrap: wrap; align-items: center; gap: .3rem .75rem; margin: .6rem 0; color: var(--quiet); font-size: .9rem; }
.button { position: relative; display: inline-flex; align-items: center; min-height: 2.75rem; padding: .4rem .7rem; border: 1px solid var(--quiet);
  border-radius: 6px; color: var(--text); cursor: pointer; font-size: 1rem; }
.button input { position: absolute; inset: 0; width: 100%; height: 100%; opacity: 0; cursor: pointer; }
.button:focus-within { outline: 3px solid var(--accent); outline-offset: 2px; }
.dropping body { outline: 3px dashed var(--accent); outline-offset: -.5rem; }
#examples { list-style: none; display: flex; flex-wrap: wrap; gap: .5rem; padding: 0; margin: .5rem 0; } #examples:empty { display: none; }
#examples li { display: flex; align-items: center; gap: .6rem; padding: .2rem .6rem .2rem .2rem; border: 1px solid var(--line); border-radius: 6px; overflow-wrap: anywhere; }
#examples li span:first-child { padding-left: .4rem; } #examples a { padding: .6rem .2rem; white-space: nowrap; }
img { object-fit: contain; background: #000; border-radius: 4px; }
.strip { flex-basis: 100%; min-width: 0; display: flex; gap: .4rem; } .strip img { flex: 0 1 8rem; min-width: 0; height: auto; aspect-ratio: 16 / 9; cursor: pointer; }
.none { padding: .5rem .75rem; border: 1px dashed var(--quiet); border-radius: 4px; color: var(--quiet); font-size: .9rem; }
.chart { margin: .5rem 0 0; } .chart svg { display: block; width: 100%; height: 64px; cursor: pointer; }
.above { fill: var(--above); } .below { fill: var(--below); } .moment { fill: var(--moment); }
.zero { stroke: var(--text); stroke-width: 1; vector-effect: non-scaling-stroke; }
figcaption { display: flex; justify-content: space-between; gap: .5rem; font-size: .8rem; }
nav { display: flex; gap: .75rem; padding: .5rem 0; } footer { border-top: 1px solid var(--line); margin-top: 1rem; }
@media (max-width: 45rem) { #results > li { flex-direction: column; } .player { flex-basis: auto; } }
@media (prefers-reduced-motion: no-preference) { #results { transition: opacity .15s; } }
`;
