// Outputs of dvc_magic's calls stay right when their page is reloaded, closed or has another kernel.
//
// A page knows which output an update is for only if that page has shown it first. So we look for the outputs that have
// our mark in their metadata, take updates for them, and ask the kernel what they should show now. A widget whose kernel
// is gone gives way to its static form. Written by hand for JupyterLab 4 and Notebook 7: there is nothing to build. A new version gets a new number in this file's name and in
// package.json, as browsers keep old files.
(() => {
  const MARK = 'dvc_magic';
  const WIDGET_VIEW = 'application/vnd.jupyter.widget-view+json';
  const ENDS = new Set(['restarting', 'autorestarting', 'dead']); // of a kernel, and so of its widgets
  const followed = new WeakSet();
  const forTheFile = new WeakMap(); // panel -> id -> forms of a live widget that are newer than those in the document

  const markedOutputs = (panel) => {
    const found = [];
    for (const cell of panel.content.widgets) {
      const outputs = cell.model.outputs; // text cells have none
      const area = cell.outputArea;
      for (let place = 0; place < (outputs?.length ?? 0); place++) {
        const saved = outputs.get(place).toJSON();
        const id = saved.metadata?.[MARK]?.id;
        if (id) found.push({ id, area, outputs, place, saved });
      }
    }
    return found;
  };

  const show = ({ outputs, place, saved }, data) => {
    if (JSON.stringify(saved.data) !== JSON.stringify(data)) outputs.set(place, { ...saved, data });
  };

  const askedFor = (panel) => ({ ids: [...new Set(markedOutputs(panel).map(({ id }) => id))] });

  const takeUpdate = (panel, { header, content }) => {
    if (header.msg_type !== 'update_display_data') return;
    const id = content.transient?.display_id;
    // Jupyter comes first: it updates the outputs that this page has shown itself.
    setTimeout(() => markedOutputs(panel).filter((one) => one.id === id).forEach((one) => {
      // To show a widget's other forms is to build its view anew, which takes the focus: only the file needs them.
      if (content.data[WIDGET_VIEW]) forTheFile.get(panel).set(id, content.data);
      else show(one, content.data);
    }));
  };

  const takeStaticForms = (panel) => {
    const waiting = forTheFile.get(panel);
    const inUse = document.activeElement?.matches('input, select, textarea') ? document.activeElement : null;
    for (const one of markedOutputs(panel)) {
      if (!waiting.has(one.id) || one.area?.node.contains(inUse)) continue;
      show(one, waiting.get(one.id));
    }
    const left = new Set(markedOutputs(panel).filter(({ area }) => area?.node.contains(inUse)).map(({ id }) => id));
    for (const id of waiting.keys()) if (!left.has(id)) waiting.delete(id);
  };

  const viewOf = ({ saved }) => saved.data?.[WIDGET_VIEW]?.model_id;

  const showStaticForms = async (panel, kernel) => {
    const before = new Set(markedOutputs(panel).map(viewOf)); // what comes while we wait may be younger than the answer
    const info = await kernel?.requestCommInfo({ target_name: 'jupyter.widget' });
    const alive = info?.content.comms ?? {};
    for (const one of markedOutputs(panel)) {
      const view = viewOf(one);
      if (!view || !before.has(view) || view in alive) continue;
      const { [WIDGET_VIEW]: _, ...rest } = forTheFile.get(panel).get(one.id) ?? one.saved.data;
      forTheFile.get(panel).delete(one.id);
      if (rest['text/html']) show(one, rest);
    }
  };

  const settle = async (panel) => {
    const context = panel.context.sessionContext;
    await context.ready;
    const kernel = context.session?.kernel;
    await showStaticForms(panel, kernel);
    if (!kernel) return;
    kernel.registerCommTarget(MARK, (comm) => comm.send(askedFor(panel))); // %load_ext in a new kernel asks
    if (markedOutputs(panel).length) kernel.createComm(MARK).open(askedFor(panel)); // a new page asks its kernel
  };

  const follow = (panel) => {
    if (followed.has(panel) || !panel?.content?.widgets || !panel.context?.sessionContext) return;
    followed.add(panel);
    forTheFile.set(panel, new Map());
    let hasEnded = false;
    const context = panel.context.sessionContext;
    const settleQuietly = () => settle(panel).catch((error) => console.warn('dvc_magic:', error));
    context.iopubMessage.connect((_, message) => takeUpdate(panel, message));
    context.kernelChanged.connect(settleQuietly);
    context.statusChanged.connect((_, status) => {
      if (status === 'idle' && hasEnded) settleQuietly();
      hasEnded = ENDS.has(status) || (hasEnded && status !== 'idle');
    });
    panel.context.saveState.connect((_, state) => { if (state === 'started') takeStaticForms(panel); });
    panel.context.ready.then(settleQuietly);
  };

  const plugin = {
    id: 'dvc_magic:live',
    autoStart: true,
    activate: (app) => {
      const followAll = () => { for (const panel of app.shell.widgets('main')) follow(panel); };
      app.restored.then(followAll);
      app.shell.layoutModified?.connect(followAll);
      app.shell.currentChanged?.connect(followAll);
    },
  };

  window._JUPYTERLAB = window._JUPYTERLAB ?? {};
  window._JUPYTERLAB[MARK] = { init: () => {}, get: async () => () => ({ __esModule: true, default: plugin }) };
})();
