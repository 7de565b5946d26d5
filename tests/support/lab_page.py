"""JupyterLab in a browser, as a test sees it: open a notebook, run its cells, look at what they show."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat

from tests.support.lab_server import FrontEnd, LabServer

if TYPE_CHECKING:  # tests that need no browser do without playwright
    from playwright.sync_api import Locator, Page

_WAIT_MS = 30_000

# An idle indicator shows up before there is a kernel, and what is executed then is dropped in silence. A promise has
# no time limit in the browser's driver.
_KERNEL_READY = """async ([limit]) => {
    const late = new Promise((_, no) => setTimeout(() => no(new Error(`no kernel in ${limit} ms`)), limit));
    const session = window.jupyterapp.shell.currentWidget.context.sessionContext;
    await Promise.race([late, session.ready.then(() => session.session.kernel.info)]);
}"""
_GO_TO = """async ([index]) => {
    const notebook = window.jupyterapp.shell.currentWidget.content;
    notebook.activeCellIndex = index;
    await notebook.scrollToItem(index);
}"""
_START = "([id, args]) => { window.jupyterapp.commands.execute(id, args); }"
_FINISH = """async ([id, args, limit]) => {
    const late = new Promise((_, no) => setTimeout(() => no(new Error(`${id} not done in ${limit} ms`)), limit));
    await Promise.race([late, window.jupyterapp.commands.execute(id, args)]);
}"""
_ERRORS = """() => window.jupyterapp.shell.currentWidget.content.widgets
    .flatMap((cell) => cell.model.outputs?.toJSON() ?? [])
    .filter((output) => output.output_type === 'error')
    .map((output) => output.traceback.join('\\n') || `${output.ename}: ${output.evalue}`)"""
_TRUSTED = "([index]) => window.jupyterapp.shell.currentWidget.content.widgets[index].model.trusted"
_CLIPPED = """(output) => [output, ...output.querySelectorAll('*')]
    .filter((part) => part.scrollWidth > part.clientWidth + 1 && part.clientWidth > 0)
    .map((part) => part.textContent.slice(0, 80))"""
# What lies below a text shows through a background with alpha, and a text with opacity is mixed with it.
_CONTRAST = """(output) => {
    const parse = (color) => {
        const [r, g, b, a = 1] = color.match(/[\\d.]+/g).map(Number);
        return { rgb: [r, g, b], a };
    };
    const mix = (over, under, a) => over.map((value, index) => a * value + (1 - a) * under[index]);
    const light = (rgb) => {
        const [r, g, b] = rgb.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const above = (node) => (node ? [...above(node.parentElement), node] : []);
    const ratio = (node) => {
        let ground = [255, 255, 255];
        let opacity = 1;
        for (const part of above(node)) {
            const { rgb, a } = parse(getComputedStyle(part).backgroundColor);
            ground = mix(rgb, ground, a);
            opacity *= Number(getComputedStyle(part).opacity);
        }
        const { rgb, a } = parse(getComputedStyle(node).color);
        const [dark, bright] = [light(ground), light(mix(rgb, ground, a * opacity))].sort((x, y) => x - y);
        return (bright + 0.05) / (dark + 0.05);
    };
    const texts = [...output.querySelectorAll('th, td, p, pre')].filter((node) => node.textContent.trim());
    return Math.min(...texts.map(ratio));
}"""
_RESTART = "() => window.jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.restart()"
_SHUT_DOWN = "() => window.jupyterapp?.shell.currentWidget?.context?.sessionContext.shutdown()"


def write_notebook(path: Path, *sources: str) -> Path:
    """A notebook of code cells at `path`, which is returned."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    # Without a kernel's name Lab asks for one in a dialog.
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
    return path


class LabPage:
    """A page of JupyterLab, or of Notebook 7, with one notebook.

    Cells are counted from 0, with those of Markdown. What waits fails after 30 seconds, or as it is told.
    """

    def __init__(self, page: Page, server: LabServer, front_end: FrontEnd = FrontEnd.LAB) -> None:
        self.page = page
        self._server = server
        self._front_end = front_end
        page.set_default_timeout(_WAIT_MS)

    def open(self, notebook: Path) -> None:
        """Show a notebook that lies below the server's root, and wait until its kernel takes code."""
        self.page.goto(self._server.address(notebook, self._front_end))
        self._wait_for_kernel()

    def reload(self, *, busy: bool = False) -> None:
        """What the browser's own button does; the kernel goes on, and is waited for unless it is `busy`."""
        self.page.reload()
        if not busy:
            self._wait_for_kernel()
        self.page.locator(".jp-Notebook .jp-Cell").first.wait_for()

    def restart_kernel(self) -> None:
        """Put a new kernel in the old one's place."""
        self.page.evaluate(_RESTART)

    def start(self, index: int) -> Locator:
        """Begin to execute a cell; returns its outputs, as they come."""
        self.page.evaluate(_GO_TO, [index])
        self.page.evaluate(_START, ["notebook:run-cell", {}])
        return self.output(index)

    def run(self, index: int, *, seconds: float = 30) -> Locator:
        """Execute a cell to its end; returns its outputs.

        Raises:
            AssertionError: a cell shows an error; the message has its traceback.
        """
        self.page.evaluate(_GO_TO, [index])
        self.command("notebook:run-cell", seconds=seconds)
        self._check()
        return self.output(index)

    def run_all(self, *, seconds: float = 90) -> None:
        """Execute all cells; raises as `run` does."""
        self.command("notebook:run-all-cells", seconds=seconds)
        self._check()

    def output(self, index: int) -> Locator:
        """Outputs of a cell that is in view; the cell's source, which often has the same words, is not in it."""
        return self.page.locator(
            f'.jp-Notebook .jp-Cell[data-windowed-list-index="{index}"] .jp-Cell-outputWrapper .jp-OutputArea-output'
        )

    def error(self, index: int) -> Locator:
        """The error that ended a cell, which Lab shows like what is printed to stderr; a log goes to stdout."""
        return self.output(index).and_(self.page.locator('[data-mime-type="application/vnd.jupyter.stderr"]'))

    def show(self, index: int) -> Locator:
        """Scroll to a cell, of which there may be no element before; returns its outputs."""
        self.page.evaluate(_GO_TO, [index])
        return self.output(index)

    def complete(self, index: int) -> Locator:
        """Ask for completions at the end of a cell's first line; returns what is offered."""
        self.page.evaluate(_GO_TO, [index])
        self.page.locator(f'.jp-Notebook .jp-Cell[data-windowed-list-index="{index}"] .cm-line').first.click()
        self.page.keyboard.press("End")
        self.page.keyboard.press("Tab")
        return self.page.locator(".jp-Completer-item")

    def first_line(self, index: int) -> str:
        """The first line of a cell as it stands now."""
        return self.page.locator(f'.jp-Cell[data-windowed-list-index="{index}"] .cm-line').first.inner_text()

    def answer(self, text: str) -> None:
        """Type into the box of a cell that asks for something, when it is there, and press Enter."""
        box = self.page.wait_for_selector(".jp-Stdin-input")
        assert box is not None
        box.fill(text)
        box.press("Enter")
        box.wait_for_element_state("hidden")  # it stays for a moment, and the next answer would go into it

    def clipped(self, index: int) -> list[str]:
        """Beginnings of what is wider than its place in a cell's outputs, so that one has to scroll to see it."""
        found = (output.evaluate(_CLIPPED) for output in self.show(index).all())
        return [text for texts in found for text in texts]

    def contrast(self, index: int) -> float:
        """The least contrast of a text with what it stands on in a cell's result, as WCAG counts it: 1 to 21."""
        lowest: float = (
            self.show(index).locator("css=table").first.locator("xpath=ancestor::div[1]").evaluate(_CONTRAST)
        )
        return lowest

    def trusts(self, index: int) -> bool:
        """Whether Lab would run scripts in a cell's outputs: not so in files that someone else has written."""
        trusted: bool = self.page.evaluate(_TRUSTED, [index])
        return trusted

    def command(self, name: str, *, seconds: float = 20, **arguments: Any) -> None:
        """A command of Lab, to its end, such as ``docmanager:save`` or ``notebook:interrupt-kernel``."""
        self.page.evaluate(_FINISH, [name, arguments, int(seconds * 1000)])

    def save(self) -> None:
        """Write the notebook's file."""
        self.command("docmanager:save")

    def dark(self) -> None:
        """Change to Lab's dark theme, until the page is closed."""
        self.command("apputils:change-theme", theme="JupyterLab Dark")
        self.page.locator('body[data-jp-theme-light="false"]').wait_for(state="attached")
        self.page.locator("#jupyterlab-splash").wait_for(state="detached")

    def screenshot(self, folder: Path, name: str) -> Path:
        """A picture of what is in view, at ``NAME.png`` in `folder`; returns its path."""
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', name)}.png"
        self.page.screenshot(path=target)
        return target

    def close(self) -> None:
        """End the kernel and leave the page."""
        self.page.evaluate(_SHUT_DOWN)
        self.page.close()

    def _check(self) -> None:
        errors: list[str] = self.page.evaluate(_ERRORS)
        assert not errors, "\n".join(errors)

    def _wait_for_kernel(self) -> None:
        self.page.locator(".jp-Notebook .jp-Cell").first.wait_for()
        self.page.evaluate(_KERNEL_READY, [_WAIT_MS])
