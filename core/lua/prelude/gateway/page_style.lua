-- How gateway.page looks: light or dark as the reader has it, and on a phone as well.
return [[
:root{--bg:#f5f6f8;--card:#fff;--ink:#1b2130;--soft:#69738a;--line:#e3e6ee;--code:#fafbfd;
--bad:#c4321c;--bad-bg:#fdeeeb;--warn:#a15c07;--warn-bg:#fdf3e1;--good:#187a4b;--good-bg:#e5f5ed;
--hit:#fff1ee;--moon:#e0a526;--k:#7a3fbf;--s:#187a4b;--n:#b0500f;--c:#8790a5}
@media (prefers-color-scheme:dark){:root{--bg:#0e1117;--card:#161b24;--ink:#e4e8f1;--soft:#8f9ab1;
--line:#262d3a;--code:#11161e;--bad:#ff7b66;--bad-bg:#3a1a16;--warn:#f0b357;--warn-bg:#352612;
--good:#5fcf97;--good-bg:#12301f;--hit:#331a18;--moon:#f3c65b;--k:#c39bff;--s:#7fd8a7;--n:#f2a96b;
--c:#69758c}}
*{box-sizing:border-box;margin:0}
body{background:var(--bg);color:var(--ink);font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,
"Helvetica Neue",sans-serif;border-top:4px solid var(--bad);overflow-wrap:anywhere}
code,pre,.place,ol b,.target,dt,dd,.calls b{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,
"DejaVu Sans Mono",monospace;font-size:13px}
header,main{max-width:1000px;margin:0 auto;padding:0 20px}
header{padding-top:28px;padding-bottom:8px}
.brand{font-weight:600;letter-spacing:.01em;display:flex;align-items:center}
.brand i{width:16px;height:16px;border-radius:50%;box-shadow:inset -5px -2px 0 0 var(--moon);
margin-right:9px;transform:rotate(-24deg)}
.brand span{font-weight:400;color:var(--soft);margin-left:8px}
.chips{display:flex;flex-wrap:wrap;gap:6px 14px;align-items:center;margin:26px 0 10px;
color:var(--soft)}
.chips b,em{border-radius:6px;padding:1px 8px;font-weight:600;font-style:normal;font-size:13px}
.bad{color:var(--bad);background:var(--bad-bg)}
.warn{color:var(--warn);background:var(--warn-bg)}
.good{color:var(--good);background:var(--good-bg)}
h1{font-size:25px;line-height:1.3;font-weight:650;letter-spacing:-.01em;white-space:pre-wrap}
.place{margin-top:8px;color:var(--soft)}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;margin:18px 0;
overflow:hidden}
h2{font-size:14px;font-weight:650;padding:11px 16px;border-bottom:1px solid var(--line)}
h2 small{font-weight:400;color:var(--soft);margin-left:10px;font-size:13px}
h3{font-size:12px;font-weight:600;color:var(--soft);padding:14px 16px 4px}
pre{padding:12px 16px;white-space:pre-wrap;line-height:1.6}
.code{background:var(--code);padding:10px 0;overflow-x:auto;white-space:pre;overflow-wrap:normal}
.code span.row,.code span.hit{display:block;padding-right:16px;min-width:max-content;
border-left:3px solid transparent}
.code span.hit{background:var(--hit);border-left-color:var(--bad)}
.code i{display:inline-block;width:52px;padding-right:16px;text-align:right;color:var(--c);
font-style:normal;user-select:none;-webkit-user-select:none}
.hit i{color:var(--bad);font-weight:600}
.k{color:var(--k)}.s{color:var(--s)}.n{color:var(--n)}.c{color:var(--c)}
ol,ul{list-style:none;padding:6px 0}
li{padding:4px 16px}
ol b{font-weight:600}ol span{font-size:14px}ol span,.calls span,.none{color:var(--soft)}
.none{padding:12px 16px}
.calls{padding:0}
.calls li{display:grid;grid-template-columns:1fr auto;gap:2px 16px;padding:10px 16px}
.calls li+li{border-top:1px solid var(--line)}
.calls p+p{white-space:nowrap}.calls p+p span{margin-left:10px;font-size:13px}
.time{grid-column:1/-1;height:5px;border-radius:3px;background:var(--code);position:relative;
margin-top:5px;overflow:hidden}
.time i{position:absolute;top:0;bottom:0;border-radius:3px;max-width:100%}
.time .good{background:var(--good)}.time .bad{background:var(--bad)}
dl{display:grid;grid-template-columns:minmax(140px,max-content) 1fr;gap:3px 18px;
padding:0 16px 12px}
dt{color:var(--soft)}
.hidden{color:var(--soft);font-style:italic}
footer{color:var(--soft);font-size:13px;padding:6px 2px 40px}
footer p+p{margin-top:4px}
@media (max-width:560px){header,main{padding-left:12px;padding-right:12px}h1{font-size:20px}
h2 small{display:block;margin-left:0}dl{grid-template-columns:1fr;gap:0}dd{padding-bottom:7px}
.calls li{grid-template-columns:1fr}.code i{width:40px;padding-right:10px}}
]]
