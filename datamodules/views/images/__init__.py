"""Random views of batches of images, made on their device and declared in conf/views/."""
