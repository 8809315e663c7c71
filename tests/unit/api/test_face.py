import lib.api


def test_the_face_of_the_room_is_whole():
    assert all(hasattr(lib.api, name) for name in lib.api.__all__)
    assert len(set(lib.api.__all__)) == len(lib.api.__all__)
