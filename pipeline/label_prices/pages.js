// Takes the answers, and saves them as a file for `voc-pipeline labels --accept`.
const list = JSON.parse(document.getElementById("labels").textContent);
const inputs = [...document.querySelectorAll("input[type=radio]")];
let unsaved = false;

function given() {
  const chosen = inputs.filter((input) => input.checked);
  return Object.fromEntries(chosen.map((input) => [input.name, input.value]));
}

function count() {
  const values = Object.values(given());
  const yes = values.filter((value) => value === "yes").length;
  const open = list.labels.length - values.length;
  document.getElementById("count").textContent =
    `${yes} yes, ${values.length - yes} no, ${open} open`;
}

function save() {
  const answers = given();
  const labels = list.labels.map((label, row) => ({ ...label, answer: answers[row] ?? "" }));
  const file = new Blob([JSON.stringify({ ...list, labels }, null, 1)], { type: "application/json" });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = "answers.json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  unsaved = false;
}

const key = (label) => JSON.stringify({ ...label, answer: undefined });

// Answers that were saved before, to go on from: those of this very list.
async function takeFrom(file) {
  let earlier = new Map();
  try {
    const { labels } = JSON.parse(await file.text());
    earlier = new Map(labels.map((label) => [key(label), label.answer]));
  } catch {} // no file of answers: nothing is taken, as is said below
  let taken = 0;
  list.labels.forEach((label, row) => {
    const answer = earlier.get(key(label));
    const input = inputs.find((one) => one.name === String(row) && one.value === answer);
    if (!input) return;
    input.checked = true;
    taken += 1;
  });
  unsaved ||= taken > 0;
  count();
  document.getElementById("opened").textContent =
    taken ? `${taken} taken from ${file.name}` : `${file.name} has no answer to these labels`;
}

document.getElementById("open").addEventListener("change", (event) => {
  if (event.target.files.length) takeFrom(event.target.files[0]);
});
document.getElementById("cards").addEventListener("change", () => {
  unsaved = true;
  count();
});
document.getElementById("save").addEventListener("click", save);
// The browser asks whether to leave; of a page that is opened from disk it keeps nothing.
addEventListener("beforeunload", (event) => {
  if (unsaved) event.preventDefault();
});
count();
