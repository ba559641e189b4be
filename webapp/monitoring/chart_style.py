"""How charts look: for light and dark pages, and readable without colors.

The style sheet is inside of each SVG, which pages show as an image: their own style sheet doesn't reach it.
"""

# The colors are those of `static/mailroom.css`. What was not delivered is hatched, to be told apart without them.
STYLE = """
svg {
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", Arial, sans-serif;
  --text: #51606e; --strong: #1b2733; --line: #e3e8ec; --sheet: #fff;
  --first: #0b5f73; --second: #b02a37; --soft: #0b5f7326;
}
@media (prefers-color-scheme: dark) {
  svg {
    --text: #a4b1bc; --strong: #dfe6ec; --line: #2a343d; --sheet: #182026;
    --first: #58b4c9; --second: #f3a3ab; --soft: #58b4c933;
  }
}
.background { fill: none; }
.axis text, .axis text.major { fill: var(--text); }
.axis .line, .axis .guide.line, .axis .major.guide.line { stroke: var(--line); }
.color-0 .bar rect, .dot { fill: var(--first); }
.color-1 .bar rect { fill: url(#hatch); stroke: var(--second); }
#hatch rect { fill: var(--sheet); }
#hatch path { stroke: var(--second); stroke-width: 2.5; }
path.line.reactive { stroke: var(--first); stroke-width: 2; fill: var(--soft); }
.no_data { fill: var(--text); }
"""
HATCH = (
    '<pattern id="hatch" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect width="5" height="5"/><path d="M 0 0 V 5"/></pattern>'
)
