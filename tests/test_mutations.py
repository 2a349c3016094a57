"""The mutation gate: each guard is switched off in a copy of the program, and the test that keeps it must then fail."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from workbench import ROOT


@dataclass(frozen=True)
class Guard:
    name: str
    #: Inside `feedwatch/`.
    file: str
    #: Stands there exactly once.
    old: str
    off: str
    #: Inside `tests/`.
    test: str


def _g(name: str, file: str, old: str, off: str, test: str) -> Guard:
    return Guard(name, file, old, off, test)


GUARDS = [
    # the network
    _g("addresses that a name resolves to", "net.py", "self._guard.check(host, str(address[0]), port)", "pass",
       "test_attacks.py::test_s2_one_private_address_among_the_answers_or_none_at_all_refuses_the_name"),
    _g("literal addresses", "net.py", "self._guard.check(place.host, place.address, place.port)", "pass",
       "test_attacks.py::test_s1_a_literal_does_not_profit_from_a_name_that_was_allowed_there"),
    _g("the address dialled", "net.py", "guard.check_dialled(str(address[0]), int(address[1]))", "pass",
       "test_attacks.py::test_s2_the_socket_is_the_last_look_when_no_other_was_taken"),
    _g("blocks that is_global lets through", "guard.py", "return address.is_global and not any(",
       "return address.is_global or not any(", "test_net.py::test_s1_addresses_that_are_not_public_are_known"),
    _g("metadata services", "guard.py", "(literal or not _never(ipaddress.ip_address(plain)))", "True",
       "test_net.py::test_s6_a_name_that_is_allowed_for_sources_does_not_lead_to_a_metadata_service"),
    _g("URLs with a user name", "targets.py", 'if "@" in parts.netloc:', "if False:",
       "test_net.py::test_s4_urls_that_two_parsers_could_read_in_two_ways_are_refused"),
    _g("addresses that libcurl is given", "curl.py",
       'curl.setopt(pycurl.RESOLVE, [f"+{pin}" for pin in call.pins])', "pass",
       "test_attacks.py::test_s2_the_address_that_was_checked_is_the_one_dialled_and_names_are_asked_once"),
    _g("hosts that are numbers to some", "targets.py", "if _NUMBER_LAST.fullmatch(host) else None",
       "if False else None",
       "test_targets.py::test_s4_a_host_that_some_would_read_as_an_address_and_others_not_is_refused"),
    _g("line breaks in headers", "headers.py", "if _NOT_IN_VALUE.search(value) or", "if",
       "test_curl.py::test_s4_a_header_with_a_line_break_is_refused_before_anything_is_sent"),
    _g("the proxy of the environment", "curl.py", '        (pycurl.PROXY, ""),\n', "",
       "test_curl.py::test_s20_the_system_keeps_no_login_and_no_settings_that_are_used"),
    _g("certificates", "curl.py", "(pycurl.SSL_VERIFYPEER, 1)", "(pycurl.SSL_VERIFYPEER, 0)",
       "test_attacks_served.py::test_s23_only_a_certificate_that_is_trusted_valid_and_for_this_host_is_taken[expired]"),
    _g("the name in a certificate", "curl.py", "(pycurl.SSL_VERIFYHOST, 2)", "(pycurl.SSL_VERIFYHOST, 0)",
       "test_attacks_served.py::"
       "test_s23_only_a_certificate_that_is_trusted_valid_and_for_this_host_is_taken[wrong host]"),
    _g("headers that do not end", "headers.py", "return found if ended else None", "return found",
       "test_net.py::test_f15_half_an_answer_is_no_answer[head cut]"),
    _g("lengths that lie", "curl.py", "if length_lies(headers):", "if False:",
       "test_faults.py::"
       "test_f16_a_length_that_lies_gives_the_exact_bytes_or_an_error_and_nothing_to_the_next[with chunks]"),
    _g("URLs with a backslash", "targets.py", "if _NOT_IN_URL.search(url):", "if False:",
       "test_net.py::test_s4_urls_that_two_parsers_could_read_in_two_ways_are_refused"),
    _g("size of a body", "net.py", "if len(answer.body) > max_body and not cut:", "if False:",
       "test_net.py::test_s12_f32_a_bomb_stops_at_the_limit"),
    _g("reading on beyond the limit", "curl.py", "return self._room < 0", "return False",
       "test_faults.py::test_f31_a_gigabyte_without_a_length_stops_at_the_limit"),
    _g("size after decoding", "curl.py", "self._decoder.decode(raw, self._room)", "self._decoder.decode(raw, 10**12)",
       "test_attacks.py::test_s12_f32_ten_gigabytes_of_zeros_stop_at_the_limit_whatever_the_status[200 OK]"),
    _g("total deadline", "curl.py", "curl.setopt(pycurl.TIMEOUT_MS, int(call.seconds * 1000) + 1)", "pass",
       "test_faults.py::test_f17_an_answer_that_never_ends_is_ended_and_leaves_nothing_open[body byte by byte]"),
    _g("redirect hops", "poller/walk.py", "_HOPS = 5",
       "_HOPS = 50", "test_walk.py::test_s3_the_sixth_hop_is_not_taken"),
    _g("credentials stay at home", "poller/walk.py",
       "source.headers if source.headers and origin_of(url) == origin_of(source.url) else ()", "source.headers",
       "test_walk.py::test_s20_redirects_are_followed_and_credentials_stay_at_home"),
    _g("validators stay at their URL", "poller/walk.py", "state.validators.get(url, Validators())",
       "next(iter(state.validators.values()), Validators())",
       "test_walk.py::test_s20_validators_go_only_to_the_url_that_gave_them"),
    # manners
    _g("Retry-After holds the host", "pipeline.py", "if state.not_before and host:", "if False:",
       "test_journey.py::test_who_asks_to_be_left_alone_means_all_its_sources"),
    _g("410 is for ever", "store/due.py", "if state.gone:", "if False:",
       "test_store.py::test_a_source_that_is_gone_is_never_due"),
    _g("robots.txt", "app.py", "self._robots if page and not source.ignores_robots else None", "None",
       "test_robots.py::test_p52_a_page_that_is_disallowed_is_not_fetched_and_robots_txt_is_kept_for_a_day"),
    _g("robots.txt of what shows to be a page", "app.py", "isinstance(answer, Fetched) and is_page(answer)", "False",
       "test_robots.py::test_p52_what_turns_out_to_be_a_page_is_not_read_where_programs_are_not_wanted"),
    _g("a rebuilt page", "differ/trust.py", "unrecognised(known, reading) if state.rule", "None if state.rule",
       "test_listings_kept.py::test_a_rebuilt_page_is_believed_only_when_known_entries_come_again"),
    # readers
    _g("deadline of a reader", "workers.py", "until = loop.time() + deadline", "until = loop.time() + 300",
       "test_fetch.py::test_f36_a_reader_that_hangs_or_dies_is_a_failure_and_the_next_one_works"),
    _g("what a worker needs before it works", "workers.py", "if not prepared:", "if False:",
       "test_workers.py::test_a_worker_that_could_not_be_prepared_does_no_work"),
    _g("memory of a reader", "workers.py", "resource.setrlimit(resource.RLIMIT_AS, (memory, memory))", "pass",
       "test_faults.py::test_f36_a_reader_that_wants_more_memory_than_there_is_fails_alone"),
    _g("files of the main process in workers", "worker.py", "                os.close(fd)\n", "                pass\n",
       "test_workers.py::test_what_the_main_process_has_open_is_closed_in_a_worker[alone]"),
    _g("workers end with the main process", "worker.py", "            if not asked:\n                return\n",
       "            if not asked:\n                signal.pause()\n",
       "test_workers.py::test_when_the_main_process_is_killed_no_process_is_left[alone]"),
    _g("a body is no file name", "readers/feed.py", "io.BytesIO(body), response", "body, response",
       "test_attacks.py::test_s8_no_body_is_taken_for_the_name_of_a_file_or_an_address"),
    _g("entities", "readers/feed.py", 'return "<!entity" in found.prolog.lower()', "return False",
       "test_feed.py::test_s9_s10_entities_declared_by_a_feed_are_refused"),
    _g("number of entries", "readers/finish.py", "reading.entries[:LIMIT]", "reading.entries",
       "test_readers.py::test_f33_a_document_is_cut_at_five_thousand_entries_and_says_so"),
    _g("HTML that acts", "readers/sanitize.py",
       "_cleaner(base, checked=_has_checked(markup)).clean(markup)", "markup",
       "test_sanitize.py::test_nothing_that_acts_survives"),
    _g("addresses in lists", "readers/sanitize.py", "checked=_has_checked(markup)", "checked=False",
       "test_sanitize.py::test_nothing_that_acts_survives"),
    _g("schemes of links", "readers/sanitize.py", 'usable = parts.scheme in ("http", "https") and ', "usable = ",
       "test_sanitize.py::test_web_url_is_absolute_http_or_nothing"),
    _g("markup in titles", "readers/mapped.py", "        return _unmarked(value) or None\n",
       "        return value or None\n",
       "test_feed.py::test_an_rss_title_loses_its_markup_but_not_its_signs"),
    _g("text that a late doctype parts", "readers/light.py", "if _DOCTYPE.search(markup, begin) or", "if",
       "test_light_pages.py::test_what_only_beautifulsoup_takes_for_the_end_of_a_text_is_left_to_it[<!doctype html>]"),
    _g("text that BeautifulSoup keeps apart", "readers/light.py",
       "if next(root.iter(*_APART), None) is None else None", "",
       "test_light_pages.py::test_what_beautifulsoup_keeps_apart_is_left_to_it[<template>t</template>]"),
    _g("pages deeper than a tree", "readers/light.py", "if root is None or not whole or", "if root is None or",
       "test_light_pages.py::test_a_page_of_any_depth_is_read_to_its_end[300]"),
    _g("pages that begin twice", "readers/light.py", 'next(root.itersiblings("*"), None) is not None', "False",
       "test_light_pages.py::test_a_page_that_begins_twice_is_left_to_beautifulsoup"),
    _g("what follows the end of a page", "readers/light.py", 'next(root.itersiblings("*"), None) is not None', "False",
       "test_light_pages.py::test_what_follows_the_end_of_a_page_is_left_to_beautifulsoup"),
    _g("attributes that libxml2 gives a value", "readers/plain_css.py",
       "_PLAIN_NAME(attribute) or attribute in VALUELESS", "_PLAIN_NAME(attribute)",
       "test_light_pages.py::test_an_attribute_without_a_value_reads_the_same_either_way[checked]"),
    _g("characters that XML forbids", "canonical.py",
       "if len(data.translate(None, _CONTROLS)) == len(data) and", "if True or",
       "test_readers.py::test_characters_that_spoil_xml_are_gone"),
    _g("names of files", "canonical.py", 're.findall(r"[a-z0-9]+", text)', 're.findall(r"[a-z0-9./]+", text)',
       "test_attacks_served.py::test_s17_no_name_leaves_the_public_folder_and_no_link_in_it_is_followed"),
    # the store
    _g("one writer", "files.py", "if not _flock(fd, fcntl.LOCK_EX):", "if False:",
       "test_files.py::test_f10_a_second_process_is_told_who_holds_the_lock"),
    _g("short writes", "files.py", "rest = rest[os.write(fd, rest) :]",
       "rest = rest[max(os.write(fd, rest), len(rest)) :]",
       "test_files.py::test_f5_a_full_disk_leaves_the_old_file_whole"),
    _g("the generation before", "files.py", "            _keep_previous(path)\n", "            pass\n",
       "test_files.py::test_f9_a_file_cut_anywhere_falls_back_to_the_generation_before"),
    _g("checksums", "files.py", "if hashlib.sha256(payload).hexdigest() != expected:", "if False:",
       "test_files.py::test_a_flipped_bit_is_found"),
    _g("newer files", "files.py", "if schema > SCHEMA:", "if False:",
       "test_files.py::test_f9_a_file_of_a_newer_feedwatch_is_refused_and_left_alone"),
    _g("validators after the feeds", "store/tinydb.py",
       "if self._stale.is_behind:", "if False:",
       "test_store.py::test_poll_states_never_run_ahead_of_the_feeds"),
    _g("validators of a lost generation", "store/polls.py",
       "replace(self.state(source_id), validators={}, body_digest=None)", "self.state(source_id)",
       "test_store.py::test_f9_a_damaged_source_goes_back_one_generation_and_its_validators_are_void"),
    _g("who relied on a write that failed is told", "storethread.py",
       "done[relying:] = [(answer, None, error) for answer, *_ in done[relying:]]",
       "pass",
       "test_together.py::test_what_was_answered_is_kept_at_whatever_step_the_disk_fails"),
    _g("validators of what was lost meanwhile", "pipeline.py",
       "if (kept.validators, kept.body_digest) != (before.validators, before.body_digest):", "if False:",
       "test_polled_in_trouble.py::test_what_was_lost_while_its_source_was_asked_is_vouched_for_by_no_answer"),
    _g("poll states wait for the batch", "store/tinydb.py",
       "        self._files.complete()\n        self._derived.flush()", "        self._derived.flush()",
       "test_together.py::test_poll_states_are_written_after_the_entries_they_vouch_for"),
    _g("doubt after a failed sync", "store/stale.py",
       "        self.in_doubt = True\n", "",
       "test_faults_machine.py::test_f7_f43_memory_or_a_disk_that_fails_at_any_step_leaves_no_half_state[disk]"),
    _g("an unreadable body vouches for nothing", "pipeline.py",
       "if isinstance(reading, Failure):\n                return reading\n            if source.pages",
       "if isinstance(reading, Failure):\n"
       "                return NotModified(200, fetched.validators, fetched.url, fetched.trail)\n"
       "            if source.pages",
       "test_journey.py::test_f20_a_source_that_breaks_keeps_its_entries_and_feeds"),
    # alerts
    _g("the same id for a delivery", "routes.py", 'id=digest("delivery", *key)', 'id=__import__("uuid").uuid4().hex',
       "test_routes.py::test_each_matching_route_has_its_own_delivery_with_an_id_that_never_changes"),
    _g("encoded words in mail headers", "alerts/text.py", '.replace("=?", "= ?").replace("?=", "? =")', "",
       "test_injection.py::test_s18_no_encoded_word_makes_a_header"),
    _g("mentions in chats", "alerts/text.py", "return _TRIGGERS.sub(", "return text or _TRIGGERS.sub(",
       "test_injection.py::test_s14_a_notification_mentions_nobody_and_links_nowhere"),
    _g("secrets in logs", "redact.py", "return self._pattern.sub(HIDDEN, text) if self._pattern else text",
       "return text",
       "test_service.py::test_s19_a_log_line_for_machines_is_one_json_object"),
    _g("alerts that do not wait for feeds", "service.py", "        if report.changes:\n", "        if False:\n",
       "test_promptness.py::test_an_alert_leaves_when_its_poll_ends_however_lately_feeds_were_written"),
    _g("a start that waits for nobody", "service.py", "timeout=_FIRST", "timeout=None",
       "test_promptness.py::test_a_source_that_does_not_answer_holds_up_no_other_at_the_start"),
    # the web
    _g("links out of the public folder", "web/files.py", "if real != path:", "if False:",
       "test_attacks_served.py::test_s17_s22_whatever_is_asked_for_nothing_outside_is_served_nothing_reflected_and_nobody_sent_elsewhere"),
    _g("methods", "web/__init__.py", 'Route("/healthz", healthy)',
       'Route("/healthz", healthy, methods=["GET", "POST"])',
       "test_web.py::test_s21_nothing_can_be_changed_through_the_web"),
    _g("hardening headers", "web/__init__.py", "headers.setdefault(name, value)", "pass",
       "test_web.py::test_s22_each_thing_has_its_media_type_and_is_hardened"),
    _g("whole feeds", "web/files.py",
       "return _response(request, path.relative_to(self._folder).as_posix(), path.suffix, held)",
       'return __import__("starlette.responses", fromlist=["x"]).FileResponse(path)',
       "test_faults_service.py::test_f44_a_feed_that_is_replaced_while_it_is_sent_arrives_whole[longer]"),
]  # fmt: skip


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of everything that the tests need."""
    folder = tmp_path_factory.mktemp("mutated")
    for name in ("feedwatch", "tests", "fixtures", "docs", "systemd"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in ROOT.iterdir():
        if path.is_file() and not path.name.startswith("."):
            shutil.copy(path, folder)
    return folder


def _run(copy: Path, tests: Iterable[str], seconds: int) -> subprocess.CompletedProcess[str]:
    # Byte code is known by the second it was made in: two mutations within one could be taken for each other.
    environ = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    nodes = [f"tests/{test}" for test in dict.fromkeys(tests)]
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-m", "", f"--timeout={seconds}"]
    return subprocess.run([*command, *nodes], cwd=copy, env=environ, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("guard", GUARDS, ids=[guard.name for guard in GUARDS])
def test_t13_each_guard_stands_where_the_gate_takes_it_away(guard: Guard) -> None:
    assert (ROOT / "feedwatch" / guard.file).read_text("utf-8").count(guard.old) == 1


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_t13_with_every_guard_in_place_the_tests_of_the_gate_pass(copy: Path) -> None:
    done = _run(copy, (guard.test for guard in GUARDS), 60)

    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("guard", GUARDS, ids=[guard.name for guard in GUARDS])
def test_t13_without_the_guard_its_test_fails(copy: Path, guard: Guard) -> None:
    path = copy / "feedwatch" / guard.file
    whole = path.read_text("utf-8")
    path.write_text(whole.replace(guard.old, guard.off), "utf-8")
    try:
        done = _run(copy, [guard.test], 8)
    finally:
        path.write_text(whole, "utf-8")

    assert done.returncode == 1, done.stdout[-3000:]
    assert " failed" in done.stdout
