// Draws the charts, and runs the browser of images. The data are in the page.
const read = (id) => JSON.parse(document.getElementById(id).textContent);
const find = (selector) => document.querySelector(selector);
const make = (tag, className, text) => {
  const element = document.createElement(tag);
  element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
};

// --- charts ---------------------------------------------------------------------
const dark = matchMedia("(prefers-color-scheme: dark)");
const views = new Map();

function theme() {
  const ink = dark.matches ? "#d6d6d0" : "#33332f";
  const line = dark.matches ? "#3d3d3a" : "#dcdcd6";
  return {
    background: "transparent",
    view: { stroke: line },
    axis: { labelColor: ink, titleColor: ink, gridColor: line, tickColor: line, domainColor: line },
    legend: { labelColor: ink, titleColor: ink },
    text: { color: ink, fill: ink },
    rule: { color: ink },
    font: "system-ui, sans-serif",
  };
}

async function drawCharts() {
  const specs = read("charts");
  for (const place of document.querySelectorAll("[data-chart]")) {
    views.get(place)?.finalize();
    const options = { actions: false, renderer: "svg", config: theme() };
    const drawn = await vegaEmbed(place, specs[place.dataset.chart], options);
    views.set(place, drawn);
  }
  showCurvesOf(find("#curve-class")?.value);
  document.body.dataset.drawn = "yes";
}

function showCurvesOf(name) {
  for (const place of document.querySelectorAll("#curves [data-chart]")) {
    views.get(place)?.view.signal("class_name", name).runAsync();
  }
}

find("#curve-class")?.addEventListener("change", (event) => showCurvesOf(event.target.value));
dark.addEventListener("change", drawCharts);

// --- browser of images ----------------------------------------------------------
const data = read("browser");
const IGNORED = data.kinds.length - 1;
const PAGE = 24;
const filters = find("#filters");
const cards = find("#cards");
let shown = [];
let count = PAGE;

// What a threshold makes of an image: {kind, class, score, box}, best score first.
function eventsOf(image, score) {
  const found = image.found
    .filter((row) => row[2] >= score)
    .map(([kind, classId, s, box]) => ({ kind, classId, score: s, box }));
  const missed = image.objects
    .filter(([, foundWith, hard]) => !hard && foundWith < score)
    .map(([classId, , , box]) => ({ kind: "missed", classId, score: 0, box }));
  return [...found, ...missed];
}

const isError = (event) => event.kind === "missed" || (event.kind > 0 && event.kind < IGNORED);

function wanted(event, kind, classId) {
  if (classId !== "" && event.classId !== Number(classId)) return false;
  if (kind === "errors") return isError(event);
  if (kind === "") return true;
  return String(event.kind) === kind;
}

function filtered() {
  const { class: classId, kind, score, file, order } = Object.fromEntries(new FormData(filters));
  const name = file.toLowerCase();
  const everything = kind === "" && classId === "";
  const rows = [];
  for (const image of data.images) {
    if (name && !image.file.toLowerCase().includes(name)) continue;
    const events = eventsOf(image, Number(score));
    const chosen = events.filter((event) => wanted(event, kind, classId));
    if (!chosen.length && !everything) continue;
    const errors = chosen.filter(isError).length;
    rows.push({ image, events, errors, chosen: chosen.length, all: events.filter(isError).length });
  }
  const byName = (a, b) => (a.image.file < b.image.file ? -1 : 1);
  const worst = (a, b) => b.errors - a.errors || b.chosen - a.chosen || b.all - a.all || byName(a, b);
  return rows.sort(order === "worst" ? worst : byName);
}

function boxOf(image, box, className, caption) {
  const [left, top, right, bottom] = box;
  const element = make("span", `box ${className}`);
  const percent = (part, whole) => `${(100 * part) / whole}%`;
  element.style.left = percent(left, image.width);
  element.style.top = percent(top, image.height);
  element.style.width = percent(right - left, image.width);
  element.style.height = percent(bottom - top, image.height);
  if (top < image.height * 0.08) element.classList.add("inside");
  if (left > image.width * 0.65) element.classList.add("leftward");
  if (caption) element.append(make("i", "", caption));
  return element;
}

function drawBoxes(picture, { image, events }) {
  const score = Number(filters.score.value);
  for (const [, foundWith, hard, box] of image.objects) {
    if (hard) picture.append(boxOf(image, box, "hard", "~"));
    else if (foundWith >= score) picture.append(boxOf(image, box, "truth", ""));
  }
  for (const { kind, classId, score: s, box } of events) {
    const name = data.classes[classId];
    if (kind === "missed") picture.append(boxOf(image, box, "missed", `? ${name}`));
    else if (kind === IGNORED) picture.append(boxOf(image, box, "hard", `~ ${name} ${s.toFixed(2)}`));
    else {
      const [className, sign] = kind === 0 ? ["hit", "✓"] : ["alarm", "✗"];
      picture.append(boxOf(image, box, className, `${sign} ${name} ${s.toFixed(2)}`));
    }
  }
}

function pictureOf(row) {
  const { image } = row;
  if (!image.picture) return make("span", "picture none", "not in this page");
  const picture = make("span", "picture");
  const pixels = make("img", "");
  pixels.src = image.picture;
  pixels.alt = "";
  pixels.style.aspectRatio = `${image.width} / ${image.height}`;
  picture.append(pixels);
  drawBoxes(picture, row);
  return picture;
}

function toldOf({ image, events }) {
  const told = make("span", "told");
  told.append(make("b", "", image.file), document.createElement("br"));
  const kinds = new Map();
  for (const { kind } of events) {
    const name = kind === "missed" ? "missed" : data.kinds[kind];
    kinds.set(name, (kinds.get(name) ?? 0) + 1);
  }
  const words = [...kinds].map(([name, number]) => `${number} ${name}`);
  told.append(words.join(", ") || "nothing detected, nothing missed");
  return told;
}

function showMore() {
  for (const row of shown.slice(cards.children.length, count)) {
    const item = make("li", "");
    const card = make("button", "card");
    card.type = "button";
    card.append(pictureOf(row), toldOf(row));
    card.addEventListener("click", () => enlarge(shown.indexOf(row)));
    item.append(card);
    cards.append(item);
  }
  find("#more").hidden = count >= shown.length;
}

function refresh() {
  filters.told.value = Number(filters.score.value).toFixed(2);
  shown = filtered();
  count = PAGE;
  cards.replaceChildren();
  const errors = shown.reduce((sum, row) => sum + row.errors, 0);
  find("#count").textContent = `${shown.length} of ${data.images.length} images, ${errors} errors`;
  showMore();
}

filters.addEventListener("input", refresh);
filters.addEventListener("submit", (event) => event.preventDefault());
find("#more").addEventListener("click", () => {
  count += PAGE;
  showMore();
});

// --- one image, large -----------------------------------------------------------
const large = find("#large");
let current = 0;

function enlarge(number) {
  current = (number + shown.length) % shown.length;
  const row = shown[current];
  find("#large-image").replaceChildren(pictureOf(row), toldOf(row));
  if (!large.open) large.showModal();
}

large.addEventListener("keydown", (event) => {
  if (event.key === "ArrowRight") enlarge(current + 1);
  if (event.key === "ArrowLeft") enlarge(current - 1);
});
find("#next").addEventListener("click", () => enlarge(current + 1));
find("#back").addEventListener("click", () => enlarge(current - 1));

refresh();
drawCharts();
