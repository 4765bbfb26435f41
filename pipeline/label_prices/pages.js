// Keeps the answers, and saves them as a file for `voc-pipeline labels --accept`.
const list = JSON.parse(document.getElementById("labels").textContent);
const inputs = [...document.querySelectorAll("input[type=radio]")];
const key = `${location.pathname} ${list.labels.length} ${list.AP}`;

// Some browsers keep nothing of a page that is opened from disk.
function kept() {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? {};
  } catch {
    return {};
  }
}

function keep(answers) {
  try {
    localStorage.setItem(key, JSON.stringify(answers));
  } catch {
    return;
  }
}

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
}

const before = kept();
for (const input of inputs) input.checked = before[input.name] === input.value;
document.getElementById("cards").addEventListener("change", () => {
  keep(given());
  count();
});
document.getElementById("save").addEventListener("click", save);
count();
