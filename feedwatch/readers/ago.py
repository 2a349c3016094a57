"""How long ago something was, as sites say it: "3 days ago", "vor 2 Stunden", "昨天". Pure; knows no clock.

It means another day at each poll, so it is no date: whoever sees the entry for the first time may count back once.
"""

from __future__ import annotations

import re
from datetime import timedelta

#: Characters; what is longer says more than a time.
_LONGEST = 60

_UNITS = {
    timedelta(minutes=1): "min mins minute minutes minuten minuto minutos minuti minuut minuter minutter minutę minuty "
    "minut минуту минуты минут мин dakika 分钟 分鐘 分 분",
    timedelta(hours=1): "h hr hrs hour hours stunde stunden heure heures hora horas ora ore uur uren timme timmar time "
    "timer godzinę godziny godzin час часа часов saat 小时 小時 時間 시간",
    timedelta(days=1): "day days tag tage tagen jour jours día días dia dias giorno giorni dag dagen dagar dage dager "
    "dzień dni день дня дней gün 天 日 일",
    timedelta(
        weeks=1
    ): "week weeks wk wks woche wochen semaine semaines semana semanas settimana settimane weken vecka "
    "veckor uge uger uke uker tydzień tygodnie tygodni неделю недели недель hafta 周 週間 주",
    timedelta(days=30): "month months mo mos monat monate monaten mois mes meses mês mese mesi maand maanden månad "
    "månader måned måneder miesiąc miesiące miesięcy месяц месяца месяцев ay 个月 個月 か月 ヶ月 개월",
    timedelta(days=365): "year years yr yrs jahr jahre jahren an ans année années año años ano anos anno anni jaar år "
    "rok lata lat год года лет yıl 年 년",
}
_SIZE = {name: size for size, names in _UNITS.items() for name in names.split()}
_UNIT = "|".join(sorted(map(re.escape, _SIZE), key=len, reverse=True))
_ONE = "a|an|one|ein|eine|einer|einem|un|une|una|um|uma|een|en|ett|et"
_COUNT = rf"(?P<count>\d{{1,3}}|{_ONE})"
_ROUGHLY = r"(?:about|over|almost|around|circa|ca\.?|etwa|environ|unos|unas|cerca de)\s"
_POSTED = re.compile(r"(?:posted|published|veröffentlicht|publié|publicado|pubblicato|geplaatst|опубликовано)[:\s]+")
_BEFORE = r"vor|hace|il y a|há|ha|för|for"
_AFTER = r"ago|fa|geleden|sedan|siden|temu|назад|önce|atrás|前|전|back"
_AGO = re.compile(
    rf"(?:(?:{_BEFORE})\s)?(?:{_ROUGHLY})?{_COUNT}\s?(?P<unit>{_UNIT})(?:\s?(?P<after>{_AFTER}))?", re.IGNORECASE
)
_PREFIX = re.compile(rf"(?:{_BEFORE})\s", re.IGNORECASE)
_TODAY = "today heute aujourd'hui hoy hoje oggi vandaag idag dziś dzisiaj сегодня bugün 今天 今日 오늘"
_YESTERDAY = "yesterday gestern hier ayer ontem ieri gisteren igår wczoraj вчера dün 昨天 昨日 어제"
_DAYS = {
    **dict.fromkeys([*_TODAY.split(), "just now", "i dag"], 0),
    **dict.fromkeys([*_YESTERDAY.split(), "i går"], 1),
}


def age_in(text: str) -> timedelta | None:
    """How old the thing is that `text`, a short line, is about; None where it does not say so and nothing else."""
    text = " ".join(text[: _LONGEST + 1].casefold().split()).strip(" .,·•|–—-")
    if not text or len(text) > _LONGEST:
        return None
    text = _POSTED.sub("", text, count=1)
    if text in _DAYS:
        return timedelta(days=_DAYS[text])
    found = _AGO.fullmatch(text)
    if found is None or not (found["after"] or _PREFIX.match(text)):
        return None
    count = int(found["count"]) if found["count"].isdigit() else 1
    return count * _SIZE[found["unit"]]
