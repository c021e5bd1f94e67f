// Circles and names over a flat map, an SVG of their own within plotly's chart. They follow its axes
// as it is moved and zoomed, and are in the picture that its camera saves; the chart itself is not
// drawn anew for them.

const SVG = "http://www.w3.org/2000/svg";
const MOVES = ["plotly_relayouting", "plotly_afterplot"];
// Points travel from frame to frame of a film.
const DEPARTURE = "plotly_transitioning";
const ARRIVALS = ["plotly_transitioned", "plotly_transitioninterrupted"];
const CAMERA = '.modebar-btn[data-title^="Download plot"]';
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

/** Return the element of a point, which plotly keeps by trace and place in it. */
function pointOf(chart, [trace, place]) {
  const of = (each) => each.__data__?.[0]?.trace?.index === trace;
  const points = [...chart.querySelectorAll(".scatterlayer .trace")].find(of);
  const all = points?.querySelectorAll(".points path") ?? [];
  return [...all].find((each) => each.__data__?.i === place) ?? null;
}

/** Return where a point is drawn at this moment; null outside of what is seen. */
function placeOfPoint(chart, point) {
  const found = pointOf(chart, point)?.getBoundingClientRect();
  if (!found?.width) return null;
  const { x, y } = chart.getBoundingClientRect();
  const left = found.x + found.width / 2 - x;
  const top = found.y + found.height / 2 - y;
  const { xaxis, yaxis } = chart._fullLayout;
  const isSeen =
    Math.abs(left - xaxis._offset - xaxis._length / 2) <= xaxis._length / 2 &&
    Math.abs(top - yaxis._offset - yaxis._length / 2) <= yaxis._length / 2;
  return isSeen ? { left, top } : null;
}

/** Return where something lies on a chart; null outside of what is seen. */
function placeOn(chart, { x, y, axes, point }) {
  if (point) return placeOfPoint(chart, point);
  const left = along(chart._fullLayout[`xaxis${axes}`], x);
  const top = along(chart._fullLayout[`yaxis${axes}`], y);
  return left === null || top === null ? null : { left, top };
}

/** Whether the points that a name is of were hidden by a click on the legend. */
function isHidden(chart, { trace }) {
  return trace !== null && chart._fullData[trace]?.visible !== true;
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
  const right = left + away;
  const before = left - away - width;
  const beside = { ...above, y: top - height / 2 };
  const sides = [{ ...beside, x: right }, { ...beside, x: before }];
  const corners = [above, below].flatMap((each) => [{ ...each, x: right }, { ...each, x: before }]);
  return [...sides, above, below, ...corners];
}

function meet(one, other) {
  const isBeside = one.x + one.width + APART < other.x || other.x + other.width + APART < one.x;
  const isAbove = one.y + one.height + APART < other.y || other.y + other.height + APART < one.y;
  return !isBeside && !isAbove;
}

/** Return the boxes around circles that are seen. */
function boxesAround(circles) {
  const seen = circles.filter((each) => each.style.display !== "none");
  return seen.map((each) => each.getBBox());
}

/**
 * Put each name where it crosses none before it and no edge of the map, and no circle if it can;
 * hide it if it must, and with its group.
 */
function placeNames(chart, labels, names, circles) {
  const taken = [];
  const around = boxesAround(circles);
  // Beyond the map stands the bar that tells of its colours.
  const { l: start, w: length } = chart._fullLayout._size;
  labels.forEach((label, at) => {
    const element = names[at];
    element.style.display = "";
    const { width, height } = element.getBBox();
    const place = isHidden(chart, label) ? null : placeOn(chart, label);
    const free = (place ? boxesOf(label, place, width, height) : []).filter(
      (each) =>
        each.x >= start && each.x + width <= start + length && !taken.some((one) => meet(one, each)),
    );
    const box = free.find((each) => !around.some((one) => meet(one, each))) ?? free[0];
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

function placeCircles(chart, data, circles) {
  data.forEach((each, at) => {
    const found = placeOn(chart, each);
    circles[at].style.display = found ? "" : "none";
    if (!found) return;
    circles[at].setAttribute("cx", found.left);
    circles[at].setAttribute("cy", found.top);
  });
}

/** Return a layer as an image of its own, as large as the chart. */
function asImage(layer, { width, height }) {
  const copy = layer.cloneNode(true);
  for (const [key, value] of Object.entries({ xmlns: SVG, width, height })) {
    copy.setAttribute(key, value);
  }
  copy.style.cssText = `color: ${getComputedStyle(layer).color}`;
  // An image has no fonts of the page, and those in their place may be wider.
  layer.querySelectorAll("text").forEach((text, at) => {
    const name = copy.querySelectorAll("text")[at];
    name.setAttribute("textLength", text.getComputedTextLength());
    name.setAttribute("lengthAdjust", "spacingAndGlyphs");
  });
  const source = new XMLSerializer().serializeToString(copy);
  return `data:image/svg+xml,${encodeURIComponent(source)}`;
}

/** Let the layout hold the layer as an image for as long as the camera copies it. */
function pose(chart, layer) {
  const { width, height, _size: inner } = chart._fullLayout;
  const before = chart.layout.images;
  const whole = {
    source: asImage(layer, chart._fullLayout),
    xref: "paper",
    yref: "paper",
    // Shares of what lies within the margins.
    x: -inner.l / inner.w,
    y: 1 + inner.t / inner.h,
    sizex: width / inner.w,
    sizey: height / inner.h,
    sizing: "stretch",
    layer: "above",
  };
  chart.layout.images = [...(before ?? []), whole];
  setTimeout(() => {
    if (before) chart.layout.images = before;
    else delete chart.layout.images;
  });
}

/** Whether a chart has been drawn, and is flat. */
function isReady(chart) {
  return Boolean(chart?.on && chart._fullLayout?.xaxis);
}

/**
 * Lay circles and names over a chart that is ready.
 *
 * `looks` are the colour of the page, `ground`, and the family of its fonts. Returns what takes the
 * layer away again, and whether it is still there.
 */
function layOver(chart, { circles, labels }, looks) {
  const layer = made("svg", { class: "map-rings", "aria-hidden": "true" });
  layer.style.cssText = "position:absolute; inset:0; width:100%; height:100%; pointer-events:none";
  const rings = circles.map((each) => layer.appendChild(circle(each)));
  const names = labels.map((each) => layer.appendChild(name(each, looks)));
  const place = () => {
    if (!chart._fullLayout) return;
    placeCircles(chart, circles, rings);
    placeNames(chart, labels, names, rings);
  };
  const look = (event) => {
    if (event.target.closest(CAMERA)) pose(chart, layer);
  };
  // What tells of a point under the pointer lies above the circles.
  chart.querySelector(".svg-container > .main-svg:last-of-type").before(layer);
  for (const move of MOVES) chart.on(move, place);
  let next = 0;
  const arrive = () => {
    cancelAnimationFrame(next);
    place();
  };
  const follow = () => {
    place();
    next = requestAnimationFrame(follow);
  };
  const depart = () => {
    cancelAnimationFrame(next);
    follow();
  };
  chart.on(DEPARTURE, depart);
  for (const arrival of ARRIVALS) chart.on(arrival, arrive);
  // Before the camera itself hears of it.
  chart.addEventListener("click", look, true);
  place();
  return {
    isThere: () => layer.isConnected,
    takeAway: () => {
      cancelAnimationFrame(next);
      for (const move of MOVES) chart.removeListener?.(move, place);
      chart.removeListener?.(DEPARTURE, depart);
      for (const arrival of ARRIVALS) chart.removeListener?.(arrival, arrive);
      chart.removeEventListener("click", look, true);
      layer.remove();
    },
  };
}
