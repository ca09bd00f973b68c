"""The style of a report's page."""

from .svg import FONT, PALETTE

_LAYOUT = """
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);line-height:1.5}
body{font-family:FONT;font-size:16px}
header,main,footer{max-width:1120px;margin:0 auto;padding:0 20px}
header{padding-top:28px}
h1{font-size:1.7rem;line-height:1.2;margin:0 0 4px;overflow-wrap:anywhere}
h2{font-size:1.25rem;margin:44px 0 4px;padding-top:16px}
h2{border-top:1px solid var(--grid)}
h3{font-size:1rem;margin:0 0 8px;overflow-wrap:anywhere}
p{margin:0 0 14px;max-width:70ch}
.muted,footer{color:var(--muted)}
.warning{border-left:4px solid var(--c1);padding:6px 12px;background:var(--shade)}
footer{padding-top:24px;padding-bottom:40px;font-size:.85rem}
nav ul{display:flex;flex-wrap:wrap;gap:4px 18px;list-style:none;padding:0;margin:12px 0}
a{color:var(--c0)}
a:focus-visible,summary:focus-visible,.scroll:focus-visible{outline:2px solid var(--c0)}
.figures{display:flex;flex-wrap:wrap;gap:12px 40px;margin:20px 0}
.figures div{display:flex;flex-direction:column-reverse}
.figures dt{color:var(--muted);font-size:.85rem}
.figures dd{margin:0;font-size:1.7rem;font-weight:600;line-height:1.2}
.pictures{display:grid;gap:28px 32px}
.pictures{grid-template-columns:repeat(auto-fill,minmax(min(100%,440px),1fr))}
figure{margin:0;min-width:0}
svg{display:block;width:100%;height:auto;max-width:540px}
details{margin-top:8px;font-size:.85rem}
summary{cursor:pointer;color:var(--c0);width:fit-content}
.scroll{overflow:auto;margin-top:6px}
details .scroll{max-height:70vh}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:3px 10px;border-bottom:1px solid var(--grid);text-align:right}
th{font-weight:600}
th:first-child,td.text,th[scope=row]{text-align:left}
thead th{position:sticky;top:0;background:var(--ground);vertical-align:bottom}
table.words{width:100%}
table.words th,table.words td{text-align:left;vertical-align:top}
table.words td{overflow-wrap:anywhere;min-width:9em}
table.words th[scope=row]{font-weight:400;color:var(--muted);width:13em}
pre{margin:0;white-space:pre-wrap;overflow-wrap:anywhere;font-size:.8rem}
@media (max-width:600px){
  header,main,footer{padding-left:14px;padding-right:14px}
  table.words.one th[scope=row],table.words.one td{display:block;width:auto}
  table.words.one th[scope=row]{border-bottom:0;padding-bottom:0}
  table.words th[scope=row]{width:auto}
}
@media print{
  body{font-size:10pt}
  header,main,footer{max-width:none;padding:0}
  nav,details,.screen{display:none}
  .pictures{grid-template-columns:1fr 1fr;gap:16px}
  figure,tr{break-inside:avoid}
  h2,h3{break-after:avoid}
}
"""


def style() -> str:
    """The page's CSS; dark ground where the reader's system asks for it."""
    light, dark = (_variables(k) for k in (0, 1))
    paints = ''.join(
        f'.f-{name}{{fill:var(--{name})}}.s-{name}{{stroke:var(--{name})}}'
        for name in PALETTE
    )
    return (
        f':root{{color-scheme:light dark;{light}}}\n'
        f'@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n'
        f'{paints}{_LAYOUT.replace("FONT", FONT)}'
    )


def _variables(index: int) -> str:
    return ''.join(f'--{name}:{pair[index]};' for name, pair in PALETTE.items())
