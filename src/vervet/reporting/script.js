"use strict";
(() => {
  const source = document.getElementById("charts");
  const { config, paper, specs } = JSON.parse(source ? source.textContent : '{"specs":{}}');
  const root = document.documentElement;
  root.classList.add("js");
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // Charts. Colours are CSS variables, so light and dark need no redrawing.
  const NARROW = 520;
  const options = {
    actions: false, ast: true, config, defaultStyle: false, mode: "vega-lite", renderer: "svg",
    tooltip: { disableDefaultStyle: true, theme: "custom" },
  };
  const states = new WeakMap();
  const stacked = (layer) => {
    const dash = layer.encoding && layer.encoding.strokeDash;
    if (!dash) return layer;
    const legend = { ...dash.legend, columns: 1 };
    return { ...layer, encoding: { ...layer.encoding, strokeDash: { ...dash, legend } } };
  };
  const narrowed = (spec) => ({
    ...spec,
    height: Math.min(spec.height, 260),
    padding: { ...spec.padding, right: 14 },
    layer: spec.layer.filter((layer) => layer.name !== "labels").map(stacked),
  });
  const draw = (place) => {
    const width = place.clientWidth;
    if (!width) return;
    const narrow = width < NARROW;
    if (states.get(place) === narrow) return;
    states.set(place, narrow);
    const spec = specs[place.dataset.chart];
    vegaEmbed(place, narrow ? narrowed(spec) : spec, options).then(({ view }) => {
      place.dataset.drawn = "yes";
      view.addEventListener("click", (_, item) => {
        const link = item && item.datum && item.datum.link;
        if (link) location.assign(link);
      });
    }).catch((error) => console.error(error));
  };
  const watcher = new ResizeObserver((entries) => entries.forEach((entry) => draw(entry.target)));
  // Letters are measured once, when a chart is drawn: the fonts must be there by then.
  const fonts = ['500 12px Inter', '400 12px Inter'].map((font) => document.fonts.load(font));
  Promise.allSettled(fonts).then(() => all(".chart").forEach((place) => watcher.observe(place)));

  // Files for papers and slides: the same spec with fixed colours, on white.
  const fixed = (value) => {
    if (Array.isArray(value)) return value.map(fixed);
    if (value && typeof value === "object") {
      return Object.fromEntries(
        Object.entries(value).map(([key, part]) => [key, key === "data" ? part : fixed(part)]),
      );
    }
    const name = typeof value === "string" && /^var\(--(\w+)\)$/.exec(value);
    return name ? paper[name[1]] : value;
  };
  const explained = (layer) => {
    const colour = layer.encoding && layer.encoding.color;
    if (!colour || colour.type !== "nominal" || colour.legend) return layer;
    const legend = { orient: "top", title: null, columns: 3, symbolOpacity: 1, labelLimit: 300 };
    return { ...layer, encoding: { ...layer.encoding, color: { ...colour, legend } } };
  };
  const printed = (spec) => {
    const labelled = spec.layer.some((layer) => layer.name === "labels");
    const layer = labelled ? spec.layer : spec.layer.map(explained);
    return { ...spec, width: 560, layer: layer.filter(({ name }) => name !== "hover") };
  };
  const still = (id) => vegaEmbed(
    document.createElement("div"),
    printed(fixed(specs[id])),
    { ...options, config: { ...fixed(config), background: "#ffffff" } },
  ).then(({ view }) => view);
  const save = (blob, name) => {
    const anchor = document.createElement("a");
    anchor.href = URL.createObjectURL(blob);
    anchor.download = name;
    anchor.click();
    setTimeout(() => URL.revokeObjectURL(anchor.href), 1000);
  };

  const forms = {
    SVG: (view) => view.toSVG().then((text) => new Blob([text], { type: "image/svg+xml" })),
    PNG: (view) => view.toCanvas(3).then((canvas) => new Promise((done) => canvas.toBlob(done))),
  };
  all(".save").forEach((place) => Object.entries(forms).forEach(([name, form]) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = `Save ${name}`;
    button.addEventListener("click", async () => {
      save(await form(await still(place.dataset.for)), `${place.dataset.for}.${name.toLowerCase()}`);
    });
    place.append(button);
  }));

  // Light and dark: the system's choice, until the reader chooses.
  const kept = { get: () => { try { return localStorage.getItem("vervet-theme"); } catch { return null; } },
    set: (value) => { try { localStorage.setItem("vervet-theme", value); } catch { /* a file may not keep it */ } } };
  if (kept.get()) root.dataset.theme = kept.get();
  all(".theme").forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", () => {
      const dark = getComputedStyle(root).colorScheme.includes("dark");
      root.dataset.theme = dark ? "light" : "dark";
      kept.set(root.dataset.theme);
    });
  });

  // Choices: one unit of cost at a time, one outcome at a time.
  const press = (group, button) =>
    all(".choice", group).forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
  const show = (id) =>
    all(".option").forEach((option) => option.classList.toggle("shown", option.id === `option-${id}`));
  all("[data-show]").forEach((button, position) => {
    if (!position) show(button.dataset.show);
    button.addEventListener("click", () => { press(button.parentElement, button); show(button.dataset.show); });
  });
  all(".filter").forEach((group) => {
    group.hidden = false;
    all("[data-only]", group).forEach((button) => button.addEventListener("click", () => {
      press(group, button);
      all(".rest", group.parentElement).forEach((rest) => { rest.open = Boolean(button.dataset.only); });
      all(".sample", group.parentElement).forEach((sample) => {
        sample.hidden = Boolean(button.dataset.only) && sample.dataset.outcome !== button.dataset.only;
      });
    }));
  });

  // Tables to the clipboard, tab separated.
  all(".copy").forEach((button) => button.addEventListener("click", async () => {
    const rows = all("tr", button.parentElement);
    const text = rows.map((row) => [...row.cells].map((cell) => cell.textContent).join("\t")).join("\n");
    try { await navigator.clipboard.writeText(text); button.textContent = "Copied"; }
    catch { getSelection().selectAllChildren(button.nextElementSibling); button.textContent = "Selected"; }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  }));
})();
