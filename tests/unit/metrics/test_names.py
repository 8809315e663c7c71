from lib.metrics import BY_NAME, QUANTITIES, Kind, wire_names


def test_names_are_unique():
    assert len(BY_NAME) == len(QUANTITIES)


def test_what_the_watcher_measures_itself_is_asked_of_no_server():
    checks = BY_NAME["check_seconds"]
    assert (checks.kind, checks.unit, checks.wire) == (Kind.GAUGE, "s", ())
    assert not [name for name in wire_names() if "check" in name]
    assert checks.shown_by == ""


def test_every_wire_name_is_asked_for_once():
    names = wire_names()
    assert len(set(names)) == len(names) > 60
