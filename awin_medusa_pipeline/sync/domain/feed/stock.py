"""What a stock cell means: words in the languages of AWIN's markets, numbers, and schema.org's addresses."""

import re
from functools import cache, lru_cache

import polars as pl

from awin_medusa_pipeline.sync.domain.feed.cells import evaluated

# "ja" and "nein", as shops and spreadsheets write them: a language a line.
_YES = """
    1 true t yes y on
    ja j wahr sant sann sand
    oui o vrai
    si s verdadero vero
    sim verdadeiro
    waar tak prawda
    kylla joo tosi
    ano pravda
    igen igaz
    da adevarat
    nai ναι αληθες
    evet var dogru
    да はい 有 예 是
"""
_NO = """
    0 false f no n off
    nein falsch nej nei nee falskt falsk usant
    non faux
    falso nao
    onwaar nie falsz
    ei epatosi
    ne nepravda
    nem hamis
    nu fals
    oxi ochi όχι ψευδες
    hayır yok yanlış
    нет いいえ 無 无 아니오 否
"""
# Google: a preorder or backorder can be placed but not sent today, so nothing is in stock.
_IN_STOCK = """
    in stock, available, available now, available online, limited, limited stock, limited availability, low stock,
    few left, last items, online only, made to order, in store and online, ready to ship, ships today, stocked,
    available to order, immediately available, plenty in stock, in stock online, active stock, high stock,
    auf lager, lieferbar, sofort lieferbar, verfuegbar, verfügbar, sofort verfügbar, sofort verfuegbar, vorrätig,
    vorraetig, ab lager, ab lager lieferbar, am lager, lagernd, versandfertig, sofort versandfertig, artikel verfügbar,
    begrenzt verfügbar, geringer bestand, wenige verfügbar, bestellbar, in den warenkorb, nur noch wenige,
    en stock, disponible, disponibles, in stock en ligne, dispo, expédié sous 24h, stock limité, stock faible,
    derniers articles, disponible en ligne, disponible immédiatement, produit disponible,
    en existencia, en existencias, hay existencias, con stock, en almacén, últimas unidades, pocas unidades,
    disponible online, disponible ahora, stock disponible, hay stock, quedan pocas unidades,
    disponibile, disponibili, in magazzino, a magazzino, disponibilità immediata, disponibile subito, ultimi pezzi,
    disponibilità limitata, pochi pezzi, disponibile online, pronta consegna, immediatamente disponibile,
    op voorraad, voorradig, leverbaar, direct leverbaar, beschikbaar, uit voorraad leverbaar, beperkt op voorraad,
    beperkte voorraad, ruim op voorraad, bijna uitverkocht, laatste stuks, beperkt beschikbaar, in voorraad,
    dostępny, dostępna, dostępne, dostępność, w magazynie, na stanie, na magazynie, jest, od ręki, produkt dostępny,
    mało, duża ilość, średnia ilość, ostatnie sztuki, wysyłka w 24h, ograniczona dostępność,
    em estoque, em stock, disponível, disponíveis, em armazém, pronta entrega, últimas peças, stock limitado,
    i lager, finns i lager, tillgänglig, tillgängligt, i webblager, lagervara, fåtal kvar, få kvar, begränsat antal,
    på lager, tilgængelig, tilgængeligt, findes på lager, få på lager, lagervare, tilgjengelig, på nettlager, få igjen,
    varastossa, saatavilla, heti saatavilla, saatavana, heti varastossa, muutama jäljellä, rajoitettu saatavuus,
    skladem, na skladě, dostupné, dostupný, dostupná, ihned k odeslání, poslední kusy, skladem u dodavatele, je skladem,
    na sklade, skladom, k dispozícii, posledné kusy, ihneď k odoslaniu,
    készleten, raktáron, elérhető, kapható, van készleten, raktárról, azonnal szállítható, utolsó darabok, rendelhető,
    în stoc, disponibil, disponibilă, disponibile, pe stoc, stoc limitat, stoc suficient, ultimele bucăți,
    σε απόθεμα, διαθέσιμο, άμεσα διαθέσιμο, διαθέσιμα, σε στοκ, ετοιμοπαράδοτο, περιορισμένη διαθεσιμότητα, diathesimo,
    stokta, stokta var, mevcut, stok var, satışta, sınırlı stok, var stokta, tükenmek üzere,
    в наличии, есть в наличии, есть, в продаже, на складе, в наявності, в наличност,
    在庫あり, 在庫有り, あり, 残りわずか, 有货, 现货, 有貨, 現貨, 재고 있음
"""
_OUT_OF_STOCK = """
    out of stock, out stock, sold out, unavailable, not available, not in stock, no stock, discontinued, preorder,
    pre order, pre sale, presale, backorder, back order, on backorder, available soon, coming soon, in store only,
    temporarily out of stock, temporarily unavailable, currently unavailable, currently out of stock, no longer
    available,
    reserved, end of life, available for pre order, available for preorder, available on backorder, oos, nostock,
    awaiting stock,
    nicht verfügbar, nicht verfuegbar, nicht auf lager, nicht lieferbar, nicht vorrätig, ausverkauft, vergriffen,
    derzeit nicht verfügbar, zurzeit nicht verfügbar, momentan nicht verfügbar, nicht mehr verfügbar, nicht mehr
    lieferbar,
    zurzeit nicht lieferbar, derzeit nicht lieferbar, aktuell nicht verfügbar, aktuell nicht lieferbar,
    vorübergehend nicht verfügbar, momentan nicht lieferbar, kein bestand, vorbestellbar, vorbestellung, bald verfügbar,
    nicht am lager, nicht lagernd, nicht bestellbar, leider ausverkauft, auslaufartikel ausverkauft, demnächst
    verfügbar,
    épuisé, rupture, rupture de stock, en rupture de stock, en rupture, indisponible, non disponible, hors stock,
    pas en stock, plus disponible, précommande, temporairement indisponible, actuellement indisponible, stock épuisé,
    bientôt disponible, victime de son succès, pas disponible,
    agotado, agotada, sin stock, sin existencias, no disponible, fuera de stock, no hay stock, próximamente, preventa,
    temporalmente agotado, no hay existencias, fuera de existencias, descatalogado, agotado temporalmente, reservar,
    esaurito, esaurita, esauriti, non disponibile, non disponibili, terminato, preordine, fuori stock, in arrivo,
    non in magazzino, momentaneamente non disponibile, temporaneamente non disponibile, prossimamente, al momento
    non disponibile,
    niet op voorraad, uitverkocht, niet leverbaar, niet beschikbaar, niet voorradig, tijdelijk uitverkocht, pre orderen,
    tijdelijk niet leverbaar, binnenkort leverbaar, niet meer leverbaar, geen voorraad, binnenkort verwacht, niet in
    voorraad,
    niedostępny, niedostępna, niedostępne, brak, brak w magazynie, wyprzedany, wyprzedane, brak towaru, chwilowy brak,
    przedsprzedaż, produkt niedostępny, chwilowo niedostępny, brak na stanie, na zamówienie, wyprzedana,
    indisponível, esgotado, esgotada, sem estoque, sem stock, fora de estoque, fora de stock, pré venda, não disponível,
    temporariamente indisponível, em breve, rutura de stock, brevemente,
    slut i lager, slutsåld, ej i lager, inte i lager, ej tillgänglig, ej tillgängligt, slut, tillfälligt slut, slutsålt,
    ikke på lager, udsolgt, ikke tilgængelig, utsolgt, ikke tilgjengelig, midlertidig udsolgt, midlertidig utsolgt,
    restordre, udgået, forudbestilling, kommer snart, kommer på lager, utgått, forhåndsbestilling, utgått ur sortiment,
    loppu, loppunut, loppuunmyyty, ei saatavilla, ei varastossa, tilapäisesti loppu, ei saatavissa, ennakkotilaus,
    tulossa,
    vyprodáno, není skladem, nedostupné, nedostupný, nedostupná, není k dispozici, předobjednávka, momentálně
    nedostupné, na objednávku,
    vypredané, vypredaný, nie je skladom, nie je na sklade, predobjednávka, na objednávku, dočasne nedostupné,
    momentálne nedostupné,
    elfogyott, nincs készleten, nem elérhető, nincs raktáron, nem kapható, nem rendelhető, előrendelés, hamarosan,
    kifutott,
    stoc epuizat, epuizat, indisponibil, indisponibilă, nu este în stoc, fără stoc, stoc zero, precomandă, lipsă
    stoc, nu e în stoc,
    εξαντλημένο, εξαντλήθηκε, μη διαθέσιμο, εκτός αποθέματος, δεν υπάρχει, κατόπιν παραγγελίας, προπαραγγελία, μη
    διαθέσιμα,
    tükendi, stokta yok, stok yok, mevcut değil, stokta kalmadı, satışta değil, ön sipariş, yakında, geçici olarak
    temin edilemiyor,
    нет в наличии, нет на складе, отсутствует, продано, под заказ, предзаказ, немає в наявності, распродано,
    在庫なし, 在庫無し, なし, 売り切れ, 品切れ, 完売, 予約, 无货, 缺货, 售罄, 無貨, 缺貨, 售完, 품절, 재고 없음
"""
# Ways to write a missing value. "none", "-" and "unknown" are not among them: they may mean no stock.
_BLANK = ["null", "nan", "n/a", "#n/a", "undefined", "nil", "\\n", "(null)"]
_BLANKS = rf"^(?i:{'|'.join(map(re.escape, _BLANK))})$"
_NUMBER = r"-?[0-9][0-9., '\u{a0}\u{202f}]*"
_FEW = 100
_VALUES = pl.first().unique().drop_nulls().sort()
# What may stand around a number of pieces: ">10", "10+", "12 pcs", "noch 3 Stück", "(4)".
_BEFORE = r"(?:>=?|≥|=|\(|(?i:only|just|nur|noch|nur noch|plus que|solo|quedan|nog|còn|qty|quantity|stock|bestand)\b:?)"
_AFTER = (
    r"(?:\+|\)|(?i:pcs?|pieces?|units?|items?|left|stück|stueck|stk|st|pièces?|unités?|unidades?|uds?|pezzi|pz|stuks?|szt|"
    r"sztuk[ai]?|unidade|stycken|kpl|ks|kusů|kusy|kusov|db|darab|buc|bucăți|τεμ|τεμάχια|adet|шт|点|個|件|개)\.?)"
)


def _plain(text: pl.Series) -> pl.Series:
    """Lower case letters and digits alone, without accents: InStock, in_stock and "In stock!" are one."""
    text = text.str.to_lowercase().str.replace(r"^(?:https?:)?(?://)?(?:www\.)?schema(?:\.org/|:)", "")
    text = text.str.replace_all("ł", "l", literal=True).str.replace_all("ı", "i", literal=True)
    text = text.str.replace_all("ø", "o", literal=True).str.replace_all("æ", "ae", literal=True)
    return text.str.normalize("NFKD").str.replace_all(r"[^\p{L}\p{N}]+", "")


def _words(*lists: str, single: str) -> list[str]:
    phrases = [phrase.strip() for phrases in lists for phrase in phrases.split(",")] + single.split()
    return [word for word in _plain(pl.Series(phrases)).to_list() if word]


@cache
def stock_words() -> dict[str, bool]:
    """Plain words and whether they mean in stock; made at need, since polars' threads would not survive a fork."""
    no = dict.fromkeys(_words(_OUT_OF_STOCK, single=_NO), False)
    return dict.fromkeys(_words(_IN_STOCK, single=_YES), True) | no


def told(text: pl.Series) -> pl.Series:
    """Without the ways in which programs write a missing value."""
    if text.null_count() == len(text):
        return text
    blank = text.str.contains(_BLANKS)
    return text.set(blank, None) if blank.any() else text


def stock(text: pl.Series) -> pl.Series:
    """Whether it is in stock; null for blank and for what is not understood."""
    return statuses(text)[1]


def statuses(text: pl.Series) -> tuple[pl.Series, pl.Series, pl.Series]:
    """Told cells, whether they are in stock, and numbers of pieces in this status column: 0 and 1 are no and yes."""
    values = evaluated(text, _VALUES)
    if values.is_empty():
        return text, text.cast(pl.Boolean), text.cast(pl.Int64)
    if len(values) > _FEW:
        text = told(text)
        return text, _in_stock(text), _many(text)
    told_, said, numbers = _few(tuple(values))
    at = text.cast(pl.Enum(values)).to_physical()
    if told_.null_count():
        text = told_.gather(at).alias(text.name)
    return text, said.gather(at).alias(text.name), numbers.gather(at).alias(text.name)


@lru_cache(256)
def _few(values: tuple[str, ...]) -> tuple[pl.Series, pl.Series, pl.Series]:
    """What these cells say, and those of them that are numbers above one: a feed has few, and repeats them."""
    text = told(pl.Series(values, dtype=pl.String))
    return text, _in_stock(text), _many(text)


def _of_length(text: pl.Series) -> pl.Series:
    """Without cells that are longer than any that says something of stock: to look at one takes 1.4 s a megabyte."""
    return text.set((text.str.len_bytes() > _LONGEST).fill_null(False), None)


def _in_stock(text: pl.Series) -> pl.Series:
    text = _of_length(text)
    number = quantities(text) > 0  # before the words, in which a minus is lost
    said = _plain(text).replace_strict(stock_words(), default=None, return_dtype=pl.Boolean)
    # "In stock (12)", "12 in stock", "In stock: 0"
    parts = text.str.extract_groups(rf"^(?P<a>[^0-9]*?)[\s:(=-]*(?P<n>{_NUMBER})[\s)]*(?P<b>[^0-9]*)$").struct
    word = pl.select(_plain((parts.field("a") + parts.field("b")).fill_null(""))).to_series()
    counted = word.replace_strict(stock_words(), default=None, return_dtype=pl.Boolean)
    some = counted & (quantities(parts.field("n")) > 0)
    return pl.select(pl.coalesce(number, said, some)).to_series().alias(text.name)


_LONGEST = 200
_MOST = 1_000_000_000
"""More pieces than anybody has: a barcode in the wrong column. Medusa takes any number, and shows it in each answer."""


def quantities(text: pl.Series) -> pl.Series:
    """Whole numbers up to a billion, down to less than none; null for what is not understood. Fractions are cut.

    "1.000" is read as one and "1,000" as a thousand: the first is how programs write decimals.
    """
    number = text.cast(pl.Int64, strict=False)
    hard = text.is_not_null() & number.is_null()
    if hard.any():
        number = number.scatter(hard.arg_true(), _hard_quantities(text.filter(hard)))
    return number.set((number > _MOST).fill_null(False), None)


def _hard_quantities(text: pl.Series) -> pl.Series:
    """Those with more than digits."""
    text = _of_length(text)
    digits = text.str.extract(rf"^\s*{_BEFORE}?\s*({_NUMBER}?)\s*{_AFTER}?\s*$")
    digits = digits.str.replace_all(r"[\s'\u{a0}\u{202f}]", "")
    comma = digits.str.contains(r"^-?[0-9]{1,3}(?:\.[0-9]{3})+,[0-9]+$|^-?[0-9]{1,3}(?:\.[0-9]{3}){2,}$")
    comma |= digits.str.contains(r"^-?[0-9]+,[0-9]+$") & ~digits.str.contains(r"^-?[1-9][0-9]{0,2},[0-9]{3}$")
    point = digits.str.contains(r"^-?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?$")
    frame = pl.DataFrame({"d": digits, "comma": comma, "point": point})
    plain = frame.select(
        pl.when("comma")
        .then(pl.col("d").str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True))
        .when("point")
        .then(pl.col("d").str.replace_all(",", "", literal=True))
    ).to_series()
    read = plain.cast(pl.Decimal(38, 6), strict=False)
    whole = pl.select(pl.when(read < 0).then(pl.lit(-1)).otherwise(read.cast(pl.Int64, strict=False))).to_series()
    return whole.set(read.is_null(), None)


def _many(text: pl.Series) -> pl.Series:
    numbers = quantities(text)
    return numbers.set((numbers < 2).fill_null(True), None)
