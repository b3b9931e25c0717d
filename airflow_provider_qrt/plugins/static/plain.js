// Plain stand-ins for those components of Chakra UI that the pages use, for Airflow 3.1, which does not share its own.
// They know the same properties, and take colours and sizes from the variables of Airflow's theme.

const SIZES = { xs: "0.75rem", sm: "0.875rem", md: "1rem", lg: "1.125rem", xl: "1.25rem", "2xl": "1.5rem" };
const SPACES = {
  m: ["margin"], mt: ["marginTop"], mb: ["marginBottom"], ml: ["marginLeft"], mr: ["marginRight"],
  mx: ["marginLeft", "marginRight"], my: ["marginTop", "marginBottom"],
  p: ["padding"], pt: ["paddingTop"], pb: ["paddingBottom"], pl: ["paddingLeft"], pr: ["paddingRight"],
  px: ["paddingLeft", "paddingRight"], py: ["paddingTop", "paddingBottom"], gap: ["gap"],
  columnGap: ["columnGap"], rowGap: ["rowGap"], width: ["width"], height: ["height"], minWidth: ["minWidth"], maxWidth: ["maxWidth"], maxHeight: ["maxHeight"],
};
const COLOURS = { color: "color", bg: "background", borderColor: "borderColor" };
const SAME = [
  "display", "flexWrap", "flexDirection", "flex", "fontWeight", "overflowX", "overflow", "textAlign", "whiteSpace",
  "position", "lineHeight", "verticalAlign", "gridTemplateColumns", "fontVariantNumeric", "cursor", "listStyleType",
];

function space(value) {
  return typeof value === "number" ? `${value / 4}rem` : value;
}

function colour(value) {
  return /^[a-z]+(\.[a-z0-9]+)?$/i.test(value) ? `var(--chakra-colors-${value.replace(".", "-")}, ${value})` : value;
}

function split(properties) {
  const [style, rest] = [{}, {}];
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name in SPACES) for (const one of SPACES[name]) style[one] = space(value);
    else if (name in COLOURS) style[COLOURS[name]] = colour(value);
    else if (name === "fontFamily") style.fontFamily = `var(--chakra-fonts-${value}, monospace)`;
    else if (name === "fontSize") style.fontSize = SIZES[value] ?? value;
    else if (name === "borderWidth") Object.assign(style, { borderWidth: value, borderStyle: "solid", borderColor: colour("border") });
    else if (name === "borderRadius") style.borderRadius = { full: "9999px", md: "6px", sm: "4px" }[value] ?? value;
    else if (name === "align") style.alignItems = value;
    else if (name === "justify") style.justifyContent = value;
    else if (name === "truncate") Object.assign(style, { overflow: "hidden", textOverflow: "ellipsis", whiteSpace: "nowrap" });
    else if (SAME.includes(name)) style[name] = value;
    else rest[name] = value;
  }
  return [style, rest];
}

/** Build the components with Airflow's React. */
export function plainComponents(React) {
  const make = (tag, base = {}, drop = []) => {
    const Plain = React.forwardRef(({ as, asChild, children, style: own, ...properties }, ref) => {
      const [style, rest] = split(properties);
      for (const name of ["size", "variant", "colorPalette", "loading", "striped", "interactive", "stickyHeader", "open", "status", ...drop]) {
        if (!(name === "open" && tag === "details")) delete rest[name];
      }
      const found = typeof base === "function" ? base(properties) : base;
      return React.createElement(asChild ? "span" : as ?? tag, { ...rest, ref, style: { ...found, ...style, ...own } }, children);
    });
    return Plain;
  };
  const border = `1px solid ${colour("border")}`;
  const button = {
    font: "inherit", color: colour("fg"), background: colour("bg"), border, borderRadius: "4px", padding: "0.375rem 0.75rem",
    cursor: "pointer", textDecoration: "none", display: "inline-flex", alignItems: "center", gap: "0.5rem",
  };
  const field = { ...button, cursor: "auto", width: "100%" };
  const flex = { display: "flex", gap: "0.5rem", alignItems: "center" };
  const grid = ({ columns, minChildWidth }) => ({
    display: "grid",
    gridTemplateColumns: minChildWidth ? `repeat(auto-fit, minmax(${minChildWidth}, 1fr))` : `repeat(${columns ?? 1}, 1fr)`,
  });
  const headings = { xs: "0.75rem", sm: "0.875rem", md: "1rem", lg: "1.125rem", xl: "1.25rem" };
  const cell = { padding: "0.5rem", borderBottom: border, textAlign: "left", verticalAlign: "top" };
  return {
    Box: make("div"), Flex: make("div", { display: "flex" }), HStack: make("div", flex),
    Stack: make("div", { display: "flex", flexDirection: "column", gap: "0.5rem" }),
    SimpleGrid: make("div", grid, ["columns", "minChildWidth"]),
    Heading: make("h2", ({ size }) => ({ fontSize: headings[size] ?? "1rem", fontWeight: 600 })),
    Text: make("p"), Link: make("a", { color: colour("fg.info") }),
    Button: make("button", button),
    Badge: make("span", ({ colorPalette = "gray" }) => ({
      background: `var(--chakra-colors-${colorPalette}-solid, #52525b)`, color: "white", fontSize: "0.875rem",
      display: "inline-flex", alignItems: "center", gap: "0.25rem",
    })),
    Code: make("code", { fontFamily: "var(--chakra-fonts-mono, monospace)", fontSize: "0.8125rem" }),
    Input: make("input", field), Skeleton: make("div", { background: colour("bg.emphasized"), borderRadius: "4px" }),
    NativeSelect: {
      Root: make("div"), Indicator: () => null,
      Field: make("select", field),
    },
    Table: {
      ScrollArea: make("div", { overflowX: "auto" }), Root: make("table", { width: "100%", borderCollapse: "collapse", fontSize: "0.875rem" }),
      Header: make("thead"), Body: make("tbody"), Row: make("tr"), ColumnHeader: make("th", { ...cell, fontWeight: 500 }),
      Cell: make("td", cell), Caption: make("caption", { textAlign: "left", captionSide: "top" }),
    },
    Card: {
      Root: make("div", { border, borderRadius: "6px" }), Header: make("div", { padding: "1rem 1rem 0" }), Body: make("div", { padding: "1rem" }),
    },
    Alert: {
      Root: make("div", { ...flex, alignItems: "flex-start", padding: "0.75rem 1rem", borderRadius: "6px", background: colour("bg.warning") }),
      Indicator: () => null, Content: make("div"), Title: make("div", { fontWeight: 600 }), Description: make("div"),
    },
    Progress: {
      Root: ({ value, max = 100, ...rest }) => React.createElement("progress", { value, max, "aria-label": rest["aria-label"], style: { width: "100%" } }),
      Track: () => null, Range: () => null,
    },
  };
}
