import lib.servers


def test_the_face_of_the_room_is_whole_and_sorted():
    names = lib.servers.__all__
    assert all(hasattr(lib.servers, name) for name in names)
    assert names == sorted(names, key=lambda name: (not name.isupper(), name))
