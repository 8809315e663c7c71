from concurrent.futures import wait

from lib.ui.workers import Workers


def test_work_is_done_beside_until_the_end():
    workers = Workers(2, "beside")
    assert workers.submit(lambda: 7).result(60) == 7
    workers.close()
    late = workers.submit(lambda: 7)
    assert late.cancelled()
    assert wait([late], timeout=60).done == {late}
