"""What changed, word by word: nothing is lost, and long texts take no longer than they should."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from feedwatch.differ.words import Piece, shortened, word_diff

TEXT = st.text(alphabet=st.sampled_from("ab c\n中文é"), max_size=60)


def test_the_words_that_changed_are_told_and_no_others() -> None:
    assert word_diff("Ten small steps to safety", "Nine small steps to real safety") == (
        Piece("gone", "Ten "),
        Piece("added", "Nine "),
        Piece("same", "small steps to "),
        Piece("added", "real "),
        Piece("same", "safety"),
    )


def test_a_script_without_spaces_is_told_apart_by_sign() -> None:
    assert word_diff("机器学习", "机器翻译") == (Piece("same", "机器"), Piece("gone", "学习"), Piece("added", "翻译"))


@given(TEXT, TEXT)
def test_both_texts_can_be_read_back_from_the_pieces(before: str, after: str) -> None:
    pieces = word_diff(before, after)

    assert "".join(piece.text for piece in pieces if piece.kind != "added") == before
    assert "".join(piece.text for piece in pieces if piece.kind != "gone") == after


def test_texts_too_long_to_compare_word_by_word_are_still_told() -> None:
    before, after = "same start " + "a b " * 20_000 + "same end", "same start " + "b a " * 20_000 + "same end"

    pieces = word_diff(before, after)

    assert [piece.kind for piece in pieces] == ["same", "gone", "added", "same"]
    assert pieces[0].text.startswith("same start ")


def test_what_did_not_change_is_cut_to_what_stands_around() -> None:
    before = "one " * 100 + "old " + "two " * 100 + "old " + "three " * 100
    pieces = shortened(word_diff(before, before.replace("old", "new")), 20)

    assert [len(piece.text) for piece in pieces] == [21, 4, 4, 43, 4, 4, 21]
    assert pieces[0].text.startswith("…")
    assert pieces[-1].text.endswith("…")


def test_two_words_far_apart_in_a_long_text_are_two_words() -> None:
    for old in (
        [f"word{n % 300}" if n % 3 else f"once{n}" for n in range(3000)],
        [f"word{n * n % 311}" for n in range(150)] + [f"word{n * n * n % 307}" for n in range(300)] * 2,
    ):
        _two_words_far_apart(old)


def _two_words_far_apart(old: list[str]) -> None:
    new = [*old]
    new[2], new[-3] = "First", "last"

    pieces = word_diff(" ".join(old), " ".join(new))

    assert [piece.text.strip() for piece in pieces if piece.kind == "added"] == ["First", "last"]
    assert "".join(piece.text for piece in pieces if piece.kind != "added") == " ".join(old)
    assert "".join(piece.text for piece in pieces if piece.kind != "gone") == " ".join(new)
