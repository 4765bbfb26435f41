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
