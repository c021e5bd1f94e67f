// Circles and names over a plotly chart that stands in the same block of the page. They follow its
// axes as it is moved and zoomed; the chart itself is not drawn anew for them.

const SVG = "http://www.w3.org/2000/svg";
const MOVES = ["plotly_relayouting", "plotly_afterplot"];
const FONTS = { focus: "600 13px", near: "12px", group: "600 13px" };
// From a point to its name, and between names, in pixels.
const BESIDE = { focus: 13, near: 11, group: 6 };
const APART = 2;

/** Return where a value lies along an axis, in pixels of the chart; null outside of what is seen. */
function along(axis, value) {
  const [first, last] = axis.range;
  const share = (value - first) / (last - first);
  if (!(share >= 0 && share <= 1)) return null;
  return axis._offset + axis._length * (axis._id[0] === "y" ? 1 - share : share);
}

/** Return where something lies on a chart; null outside of what is seen. */
function placeOn(chart, { x, y, axes }) {
  const left = along(chart._fullLayout[`xaxis${axes}`], x);
  const top = along(chart._fullLayout[`yaxis${axes}`], y);
  return left === null || top === null ? null : { left, top };
}

function made(name, looks) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(looks)) element.setAttribute(key, value);
  return element;
}

function circle({ size, width }) {
  const looks = { r: size / 2, fill: "none", stroke: "currentColor", "stroke-width": width };
  return made("circle", looks);
}

/** Return a name with a rim in the colour of the page, so that it can be read over points. */
function name({ text, kind }, { ground, family }) {
  const rim = { stroke: ground, "stroke-width": 4, "stroke-linejoin": "round" };
  const looks = { fill: "currentColor", "paint-order": "stroke", "data-kind": kind, ...rim };
  const element = made("text", looks);
  element.style.font = `${FONTS[kind]} ${family}`;
  element.textContent = text;
  return element;
}

/** Return the boxes that a name may take, best first: beside an item, over a group. */
function boxesOf({ kind }, { left, top }, width, height) {
  const away = BESIDE[kind];
  const above = { x: left - width / 2, y: top - away - height, width, height };
  const below = { ...above, y: top + away };
  if (kind === "group") return [above, below];
  const beside = { ...above, y: top - height / 2 };
  return [{ ...beside, x: left + away }, { ...beside, x: left - away - width }, above, below];
}

function meet(one, other) {
  const isBeside = one.x + one.width + APART < other.x || other.x + other.width + APART < one.x;
  const isAbove = one.y + one.height + APART < other.y || other.y + other.height + APART < one.y;
  return !isBeside && !isAbove;
}

/** Put each name where it crosses none before it and no edge of the map; hide it if it must. */
function placeNames(chart, labels, names) {
  const taken = [];
  const { width: end } = chart._fullLayout;
  labels.forEach((label, at) => {
    const element = names[at];
    element.style.display = "";
    const { width, height } = element.getBBox();
    const place = placeOn(chart, label);
    const box = (place ? boxesOf(label, place, width, height) : []).find(
      (each) => each.x >= 0 && each.x + width <= end && !taken.some((one) => meet(one, each)),
    );
    if (!box) {
      element.style.display = "none";
      return;
    }
    taken.push(box);
    element.setAttribute("x", box.x);
    // The letters stand on a line that is a fifth of their height above the end of the box.
    element.setAttribute("y", box.y + 0.8 * height);
  });
}

export default function ({ data, parentElement }) {
  // It is called again for other circles, without having been asked to leave before.
  parentElement.leaveRings?.();
  const block = parentElement.closest("[data-testid=stVerticalBlock]");
  const style = getComputedStyle(parentElement);
  const ground = style.getPropertyValue("--st-background-color");
  const looks = { ground, family: style.fontFamily };
  const layer = made("svg", { class: "map-rings", "aria-hidden": "true" });
  layer.style.cssText = "position:absolute; inset:0; width:100%; height:100%; pointer-events:none";
  const circles = data.circles.map((each) => layer.appendChild(circle(each)));
  const names = data.labels.map((each) => layer.appendChild(name(each, looks)));
  let chart = null;

  const place = () => {
    if (!chart._fullLayout) return;
    data.circles.forEach((each, at) => {
      const found = placeOn(chart, each);
      circles[at].style.display = found ? "" : "none";
      if (!found) return;
      circles[at].setAttribute("cx", found.left);
      circles[at].setAttribute("cy", found.top);
    });
    placeNames(chart, data.labels, names);
  };

  const letGo = () => {
    if (chart) for (const move of MOVES) chart.removeListener?.(move, place);
    layer.remove();
    chart = null;
  };

  // The chart comes later than this, and another one takes its place when its points change.
  const follow = () => {
    const found = block?.querySelector(`.st-key-${data.chart} .js-plotly-plot`) ?? null;
    if (found === chart && layer.isConnected) return;
    letGo();
    // What tells of a point under the pointer lies above the circles.
    const above = found?.querySelector(".svg-container > .main-svg:last-of-type");
    if (!above || !found.on || !found._fullLayout?.xaxis) return;
    chart = found;
    above.before(layer);
    for (const move of MOVES) chart.on(move, place);
    place();
  };

  const watch = new MutationObserver(follow);
  if (block) watch.observe(block, { childList: true, subtree: true });
  follow();
  parentElement.leaveRings = () => {
    watch.disconnect();
    letGo();
  };
  return parentElement.leaveRings;
}
