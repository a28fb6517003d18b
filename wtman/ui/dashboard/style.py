"""How the dashboard looks: in the colours of the terminal's own palette, dark or light. Pure."""

from dataclasses import replace

from textual.theme import BUILTIN_THEMES

# No ground of our own is painted: a theme of the terminal decides, a light one too.
THEME = replace(
    BUILTIN_THEMES["ansi-dark"],
    name="wtman",
    accent="ansi_cyan",
    variables={
        **BUILTIN_THEMES["ansi-dark"].variables,
        "block-cursor-foreground": "ansi_default",
        "block-cursor-background": "ansi_default",
        "block-cursor-text-style": "reverse",
        "block-cursor-blurred-text-style": "reverse",
        "input-cursor-background": "ansi_default",
        "input-cursor-foreground": "ansi_default",
        "input-cursor-text-style": "reverse",
        "input-selection-background": "ansi_default",
        "input-selection-foreground": "ansi_default",
        "scrollbar": "ansi_bright_black",
        "scrollbar-hover": "ansi_cyan",
        "scrollbar-active": "ansi_cyan",
        "scrollbar-background": "ansi_default",
        "scrollbar-background-hover": "ansi_default",
        "scrollbar-background-active": "ansi_default",
        "scrollbar-corner-color": "ansi_default",
        "footer-key-foreground": "ansi_cyan",
        "footer-description-foreground": "ansi_default",
        "footer-background": "ansi_default",
        "block-hover-background": "ansi_default",
    },
)

CSS = """
#head { height: auto; padding: 0 1; }
#needs { height: auto; padding: 0 1; color: $warning; }
#body { height: 1fr; }
#tasks { width: 46%; max-width: 90; height: 1fr; padding: 0 1; scrollbar-size-vertical: 1; }
#right { width: 1fr; height: 1fr; border-left: solid ansi_bright_black; }
#bar { height: 1; padding: 0 1; }
#panes { height: 1fr; }
TextPane {
    padding: 0 1; scrollbar-gutter: stable;
    scrollbar-size-vertical: 1; scrollbar-size-horizontal: 1;
}
#ask { height: 1; padding: 0 1; }
#ask-name, #ask-told { width: auto; }
#ask-text { width: 1fr; border: none; height: 1; padding: 0; }
.-empty { display: none; }
#next { height: auto; max-height: 3; padding: 0 1; text-style: bold; }
Toast { background: ansi_default; border: round $primary; padding: 0 1; }
Toast.-warning { border: round $warning; }
Toast.-error { border: round $error; }
.quiet { text-style: dim; }
.title { text-style: bold; padding: 0 1; }
Screen.-narrow #body { layout: vertical; }
Screen.-narrow #tasks { width: 100%; max-width: 100%; height: 42%; min-height: 4; }
Screen.-narrow #right { border-left: none; }
Screen.-zoom #tasks, Screen.-zoom #needs, Screen.-zoom #next { display: none; }
Screen.-zoom #right { border-left: none; }
ModalScreen { align: center middle; background: ansi_default; }
#box {
    width: auto; height: auto; max-width: 90%; max-height: 90%;
    padding: 0 1; border: round $primary; background: ansi_default;
}
#box.wide { width: 96%; max-width: 110; }
#box.whole { width: 100%; max-width: 100%; height: 1fr; max-height: 100%; }
#box.whole TextPane { height: 1fr; padding: 0; }
#question { width: auto; max-width: 100%; }
#message { width: 60; border: none; height: 1; padding: 0; margin: 1 0; }
#runs { height: auto; max-height: 100%; border: none; padding: 0; }
#keys-text { width: auto; }
"""
