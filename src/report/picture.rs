//! A figure in pixels, for programs that do not draw SVG.
//!
//! Text is set in DejaVu Sans, which comes with the program, so that a figure is the same picture on every machine. Only a
//! character that DejaVu lacks is looked up in further fonts, and where none has it, a box stands for it.

use std::sync::{Arc, OnceLock};

use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::fontdb::{Database, FaceInfo, ID, Source, Style};
use resvg::usvg::{FontResolver, ImageHrefResolver, Options, Tree};

/// Pixels for each SVG unit. A unit is a CSS pixel, of which an inch has 96.
const SCALE: f32 = 2.0;
/// Pixels per metre: 192 to the inch.
const DENSITY: u32 = 7_559;
/// The longest side in pixels: what is longer has fewer pixels for each unit, since many programs draw no larger picture.
const SIDE_MAX: f32 = 16_384.0;
/// From this weight on, text is bold.
const BOLD: u16 = 600;

/// Adds fonts to those that are known.
type More = Box<dyn Fn(&mut Database) + Send + Sync>;

/// The fonts that text is set in.
pub struct Fonts {
    own: Arc<Database>,
    regular: ID,
    bold: ID,
    more: More,
    all: OnceLock<Arc<Database>>,
}

/// Why a figure is no picture.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// What is given is no figure.
    #[error("cannot draw the figure: {0}")]
    Svg(#[from] resvg::usvg::Error),
    /// There is no memory for so many pixels.
    #[error("cannot draw the figure: it is {width} by {height} units, and there is no memory for such a picture")]
    Size {
        /// Its width.
        width: f32,
        /// Its height.
        height: f32,
    },
    /// It cannot be written down.
    #[error("cannot write the picture: {0}")]
    Png(#[from] png::EncodingError),
}

impl Fonts {
    /// DejaVu Sans alone: equal figures are equal bytes everywhere.
    pub fn own() -> Self {
        Self::and(|_| {})
    }

    /// DejaVu Sans, and for characters that it lacks the fonts that `more` adds, which is asked once, when the first such
    /// character occurs.
    pub fn and(more: impl Fn(&mut Database) + Send + Sync + 'static) -> Self {
        let mut own = Database::new();
        let mut face = |bytes: &'static [u8]| own.load_font_source(Source::Binary(Arc::new(bytes)))[0];
        let (regular, bold) = (face(dejavu::sans::regular()), face(dejavu::sans::bold()));
        Self { own: Arc::new(own), regular, bold, more: Box::new(more), all: OnceLock::new() }
    }

    /// Every font: DejaVu first, the others in an order that does not depend on where they lie.
    fn all(&self) -> &Arc<Database> {
        self.all.get_or_init(|| {
            let mut more = Database::new();
            (self.more)(&mut more);
            let mut faces: Vec<FaceInfo> = more.faces().cloned().collect();
            let upright = |face: &FaceInfo| face.style != Style::Normal;
            faces.sort_by_cached_key(|face| {
                let family = face.families.first().map(|(name, _)| name.clone());
                (
                    upright(face),
                    face.monospaced,
                    family,
                    face.weight.0.abs_diff(400),
                    face.post_script_name.clone(),
                    face.index,
                )
            });
            let mut all = Database::clone(&self.own);
            for face in faces {
                all.push_face_info(FaceInfo { id: ID::dummy(), ..face });
            }
            Arc::new(all)
        })
    }

    fn resolver(&self) -> FontResolver<'_> {
        let lookup = FontResolver::default_fallback_selector();
        FontResolver {
            select_font: Box::new(|font, _| Some(if font.weight() >= BOLD { self.bold } else { self.regular })),
            select_fallback: Box::new(move |character, used, known| {
                lookup(character, used, known).or_else(|| {
                    // The fonts that are known so far keep their places among all.
                    *known = Arc::clone(self.all());
                    lookup(character, used, known)
                })
            }),
        }
    }
}

/// Draws a figure as PNG on white, with 192 pixels to the inch; equal figures and fonts give equal bytes.
///
/// # Errors
/// Where the text is no SVG with a size, or there is no memory for the picture.
pub fn png(svg: &str, fonts: &Fonts) -> Result<Vec<u8>, PictureError> {
    let options = Options {
        font_resolver: fonts.resolver(),
        fontdb: Arc::clone(&fonts.own),
        // A figure refers to nothing outside itself, and nothing outside is looked at.
        image_href_resolver: ImageHrefResolver {
            resolve_data: Box::new(|_, _, _| None),
            resolve_string: Box::new(|_, _| None),
        },
        ..Options::default()
    };
    let tree = Tree::from_str(svg, &options)?;
    let (width, height) = (tree.size().width(), tree.size().height());
    let scale = SCALE.min(SIDE_MAX / width.max(height));
    let pixels = |units: f32| (units * scale).ceil().max(1.0) as u32;
    let size = || PictureError::Size { width, height };
    let mut pixmap = Pixmap::new(pixels(width), pixels(height)).ok_or_else(size)?;
    pixmap.fill(Color::WHITE);
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixmap.as_mut());

    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, pixmap.width(), pixmap.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let density = (DENSITY as f32 * scale / SCALE).round() as u32;
    encoder.set_pixel_dims(Some(png::PixelDimensions { xppu: density, yppu: density, unit: png::Unit::Meter }));
    // On white nothing shines through.
    let opaque: Vec<u8> = pixmap.pixels().iter().flat_map(|at| [at.red(), at.green(), at.blue()]).collect();
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&opaque)?;
    writer.finish()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn with(text: &str) -> String {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"200\" height=\"40.3\" viewBox=\"0 0 200 40.3\" \
             font-family=\"system-ui, Arial, sans-serif\"><style>@media screen and (prefers-color-scheme: dark){{\
             .rt-ink{{fill:#ffffff}}}}</style><text class=\"rt-ink\" x=\"4\" y=\"26\" font-size=\"20\" fill=\"#000000\">{text}\
             <title>what a pointer says</title></text></svg>"
        )
    }

    /// A picture's size, its density and its pixels.
    fn read(bytes: &[u8]) -> ((u32, u32), u32, Vec<[u8; 3]>) {
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.color_type, info.bit_depth), (png::ColorType::Rgb, png::BitDepth::Eight));
        let density = reader.info().pixel_dims.unwrap().xppu;
        ((info.width, info.height), density, pixels.as_chunks::<3>().0.to_vec())
    }

    fn dark(bytes: &[u8]) -> usize {
        read(bytes).2.iter().filter(|pixel| pixel[1] < 128).count()
    }

    #[test]
    fn a_picture_has_twice_the_units_and_is_dark_on_white() {
        let drawn = png(&with("probability"), &Fonts::own()).unwrap();
        let (size, density, pixels) = read(&drawn);
        assert_eq!((size, density), ((400, 81), 7_559));
        assert_eq!(pixels[0], [255; 3]);
        assert!((500..8_000).contains(&dark(&drawn)), "{}", dark(&drawn));
        assert_eq!(drawn, png(&with("probability"), &Fonts::own()).unwrap());
        // Neither the style of dark screens nor the words of a tooltip are in it.
        assert_eq!(dark(&png(&with(""), &Fonts::own()).unwrap()), 0);
    }

    #[test]
    fn bold_is_bolder() {
        let bold = with("layer").replace("<text", "<text font-weight=\"700\"");
        let (plain, bold) = (png(&with("layer"), &Fonts::own()).unwrap(), png(&bold, &Fonts::own()).unwrap());
        assert!(dark(&bold) > dark(&plain) * 11 / 10);
    }

    #[test]
    fn other_fonts_are_asked_once_and_for_what_dejavu_lacks_alone() {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        let fonts = Fonts::and(|_| {
            ASKED.fetch_add(1, Ordering::Relaxed);
        });
        for text in ["the", "слой ␣ ↵ ∅ … −", "طبقة שכבה", "στρώμα Ġthe Ċ"] {
            let drawn = png(&with(text), &fonts).unwrap();
            assert!(dark(&drawn) > 100, "{text}");
            assert_ne!(drawn, png(&with("the other"), &fonts).unwrap());
        }
        assert_eq!(ASKED.load(Ordering::Relaxed), 0);
        for text in ["परत", "層", "\u{1f600}\u{1f468}\u{200d}\u{1f469}", "\u{fffd}層\u{fffd}"] {
            let drawn = png(&with(text), &fonts).unwrap();
            assert!(dark(&drawn) > 50, "{text}: a box stands for what no font has");
            assert_eq!(drawn, png(&with(text), &fonts).unwrap());
        }
        assert_eq!(ASKED.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_huge_figure_has_fewer_pixels_for_each_unit_and_no_figure_is_an_error() {
        let wide = with("wide").replace("\"200\"", "\"60000\"").replace(" 200 ", " 60000 ");
        let (size, density, _) = read(&png(&wide, &Fonts::own()).unwrap());
        assert_eq!(size.0, 16_384);
        assert!(density < 7_559 / 6);
        for text in
            ["", "<svg", "<html></html>", "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"0\" height=\"1\"/>"]
        {
            let error = png(text, &Fonts::own()).unwrap_err().to_string();
            assert!(error.starts_with("cannot draw the figure: "), "{error}");
        }
    }

    #[test]
    fn nothing_outside_a_figure_is_looked_at() {
        let place = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/report.png");
        let svg = with("").replace("<style", &format!("<image href=\"{place}\" width=\"200\" height=\"40\"/><style"));
        assert_eq!(dark(&png(&svg, &Fonts::own()).unwrap()), 0);
    }
}
