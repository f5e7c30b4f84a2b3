"""The loop of `mm chat`: lines in, answers out, and commands that begin with a slash."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass, field

import click

from mm.cli.answers import print_answer
from mm.cli.format import describe_item
from mm.client import Client
from mm.embedded.terminal import clean
from mm.errors import MMError
from mm.schemas import Item, Round, SentenceEvent
from mm.schemas.answers import MAX_ROUNDS

PROMPT = "> "
MAX_LISTED_ITEMS = 20
MAX_SEARCHED_ITEMS = 100
"""Items of one question, as `AskRequest` limits them."""
HELP = """\
Ask a question, or refine the last one: "the second one", "earlier", "only in talk.mp4", "without the dog", "go back".
/media [WORDS]  list items, those with WORDS in their name
/only [NAME]    search only the items with NAME in their name; without NAME, all items
/clear          begin a new conversation
/help           show this
/quit           end; so does Ctrl+D"""


@dataclass
class _Conversation:
    client: Client
    items: list[str]
    as_json: bool
    rounds: list[Round] = field(default_factory=list)
    notes: set[str] = field(default_factory=set)
    """The notes that have been printed; each is printed once."""

    def handle(self, line: str) -> bool:
        """Handle a line. Returns False at the end of the conversation."""
        name, _, rest = line.partition(" ")
        match name:
            case "":
                pass
            case "/quit" | "/exit":
                return False
            case "/help":
                click.echo(HELP)
            case "/clear":
                self.rounds.clear()
                click.echo("A new conversation.")
            case "/media":
                self._print_items(rest)
            case "/only":
                self._restrict(rest.strip())
            case _ if name.startswith("/"):
                click.echo(f"There is no command {clean(name)}; /help lists them.", err=True)
            case _:
                self._ask(line)
        return True

    def _ask(self, question: str) -> None:
        on_sentence = None if self.as_json else _print_sentence
        answer = self.client.ask(question, conversation=self.rounds[-MAX_ROUNDS:], items=self.items, on_sentence=on_sentence)
        self.rounds.append(Round(query=question, answer=answer.text, state=answer.state))
        if self.as_json:
            click.echo(answer.model_dump_json())
        else:
            print_answer(answer, has_text=bool(answer.sentences), known_notes=self.notes)
            self.notes.update(answer.notes)

    def _find(self, words: str, limit: int) -> tuple[list[Item], int]:
        """Items with words in their name, and the number of all of them."""
        page = self.client.items(name=words.strip() or None, limit=limit, offset=0)
        return page.items, page.total or len(page.items)

    def _print_items(self, words: str) -> None:
        items, total = self._find(words, MAX_LISTED_ITEMS)
        for item in items:
            click.echo(f"{item.id}  {clean(item.name)} ({describe_item(item)})")
        if not items:
            click.echo("No item has that name.", err=True)
        elif total > len(items):
            click.echo(f"{total - len(items):,} more; add words of their names.", err=True)

    def _restrict(self, name: str) -> None:
        items, total = self._find(name, MAX_SEARCHED_ITEMS) if name else ([], 0)
        if name and not items:
            click.echo("No item has that name; the search is unchanged.", err=True)
            return
        self.items = [item.id for item in items]
        if total > len(items):
            click.echo(f"{total:,} items have that name; only the first {len(items)} are searched.", err=True)
        names = [clean(item.name) for item in items[:MAX_LISTED_ITEMS]]
        more = f" and {len(items) - len(names)} more" if len(items) > len(names) else ""
        click.echo(f"Only {', '.join(names)}{more}." if items else "All items.")


def _print_sentence(sentence: SentenceEvent) -> None:
    click.echo(clean(sentence.text))


def run_conversation(client: Client, items: list[str], *, as_json: bool = False) -> None:
    """Read and answer lines until the end of the input. An error of a question does not end it."""
    is_terminal = sys.stdin.isatty()
    if is_terminal:
        with suppress(ImportError):  # line editing and history; not on every platform
            import readline  # noqa: F401
        click.echo("Ask a question about the library; /help lists the commands.", err=True)
    conversation = _Conversation(client, items, as_json)
    while True:
        try:
            line = input(PROMPT if is_terminal else "").strip()
        except EOFError:
            return
        except KeyboardInterrupt:
            if not is_terminal:
                raise
            click.echo("", err=True)  # Ctrl+C discards the line
            continue
        try:
            if not conversation.handle(line):
                return
        except KeyboardInterrupt:
            click.echo("The question is cancelled.", err=True)
        except MMError as error:
            click.echo(f"error: {clean(str(error))}", err=True)
